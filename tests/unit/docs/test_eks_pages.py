"""The figures of docs/eks.md and docs/observability.md are those of the price table, and what the pages name is there."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines import prices
from tests.unit.eks.test_manifests import PLANTED

ROOT = Path(__file__).parents[3]
EKS, OBSERVABILITY = ((ROOT / "docs" / name).read_text() for name in ("eks.md", "observability.md"))


def test_what_eks_costs_is_what_the_table_says() -> None:
    table = prices.load()
    hours = table.hours_per_month
    requests = table.requests
    around = (requests.eks_cluster_usd_per_hour + requests.load_balancer_usd_per_hour + 2 * table.ec2_usd_per_hour("m5.large")) * hours
    serving = 2 * table.ec2_usd_per_hour("g5.xlarge") * hours
    sagemaker = 2 * table.sagemaker_usd_per_hour("ml.g5.xlarge") * hours
    assert f"| 2 x g5.xlarge that serve | {serving:,.0f} | {sagemaker:,.0f} |" in EKS
    assert f"| control plane, ALB, 2 x m5.large | {around:.0f} |" in EKS
    spot = table.ec2_spot_usd_per_hour("g5.2xlarge"), table.spot_training_usd_per_hour("ml.g5.2xlarge")
    assert f"| an hour of g5.2xlarge training, Spot | {spot[0]:.3f} | {spot[1]:.3f} |" in EKS
    count = (ROOT / "deploy" / "eks" / "foundation.yaml").read_text().count("Type: AWS::EC2::VPCEndpoint, Properties") + 1
    endpoints = count * 2 * requests.vpc_endpoint_usd_per_hour * hours
    assert f"| {count} endpoints in two zones | {endpoints:.0f} |" in EKS
    assert 0.79 < (serving + around) / sagemaker < 0.85, "cheaper by a fifth with endpoints there, says the page"
    assert 0.90 < (serving + around + endpoints) / sagemaker < 0.93, "cheaper by a twelfth, says the page"
    storage = table.storage_usd_per_gib_month
    for row, usd in (("S3 through `agent`", storage.s3), ("EFS (RWX)", storage.efs), ("EBS (RWO)", storage.ebs)):
        line = next(line for line in EKS.splitlines() if line.startswith(f"| {row}"))
        assert line.endswith(f"| {usd:.3f} |" if usd < 0.1 else f"| {usd:.2f} |")


def test_what_the_stacks_cost_is_what_the_table_says() -> None:
    table = prices.load()
    disks = 50 * table.storage_usd_per_gib_month.ebs, 50 * table.storage_usd_per_gib_month.s3
    small, large = (table.ec2_usd_per_hour(name) * table.hours_per_month for name in ("t3.medium", "m5.large"))
    words = f"{small + sum(disks):.0f}: one t3.medium ({small:.2f}), 50 GiB of EBS ({disks[0]:.2f}), 50 GiB in S3 ({disks[1]:.2f})"
    assert words in OBSERVABILITY
    assert f"; {large + sum(disks):.0f} on an m5.large" in OBSERVABILITY
    logs = 10 * table.requests.cloudwatch_logs_usd_per_gib
    observations = round(45 * 50 + 4 * 30, -2) * 60 * table.hours_per_month / 1e6
    assert f"| {observations * 0.21 + logs:.0f}: metrics {observations * 0.21:.0f} (" in OBSERVABILITY
    assert f"each minute: {observations:.0f} million observations at 0.21), 10 GiB of logs {logs:.2f} |" in OBSERVABILITY


def test_the_files_that_the_pages_name_are_there() -> None:
    for page, home in ((EKS, ROOT), (OBSERVABILITY, ROOT)):
        for name in re.findall(r"`(deploy/[\w./-]+|tests/[\w./-]+|agent/[\w./-]*|training/[\w./-]+)`", page):
            assert (home / name).exists(), name
    assert f"{len(PLANTED)} planted faults are found" in EKS
