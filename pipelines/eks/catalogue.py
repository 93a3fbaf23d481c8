"""Manifests that stand in `deploy/` and are made from others, so that the two cannot differ: the scheduled training, the rules on EKS."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import yaml

from pipelines.atomic import write_text
from pipelines.eks.job import JobRequest, render
from pipelines.eks.request import training
from pipelines.eks.schedule import render_schedule
from pipelines.settings import Settings

NAME = "train-monthly"
CRON = "0 6 2 * *"
"""The day after the month has begun, when last month's prices are there."""
UPLOADS = "housing/uploads/monthly"

_DEPLOY = Path(__file__).parents[2] / "deploy"
_RULES = _DEPLOY / "observability" / "prometheus" / "rules"
_HEAD = """# Made by `python -m pipelines.eks.catalogue` from job/training-job.yaml; the overlays put image, bucket and region in.
# Suspended: prod lets it go. It trains on what lies below housing/uploads/monthly/; unchanged data takes up its own work.
# Its checkpoint folders carry the digest of `train` by tag, whatever image an overlay puts in: its own from month to month, not the
# pipeline's. `housing eks render --schedule` makes one that shares them (docs/eks.md).
"""


def monthly() -> str:
    """The CronJob as YAML, with the default settings; it does not start until an overlay lets it."""
    return _HEAD + render_schedule(_request(NAME, UPLOADS), CRON, suspend=True)


def example() -> str:
    """A Job as YAML, for whoever checks manifests: the default settings, the image by a digest."""
    request = _request("train-example", "housing/sources/example")
    return render(replace(request, image=f"{request.image.rpartition(':')[0]}@sha256:{'0' * 64}"))


def rules() -> str:
    """The rules of deploy/observability as the Prometheus operator takes them."""
    groups = [group for path in sorted(_RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    content = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "housing", "namespace": "monitoring"},
        "spec": {"groups": groups},
    }
    head = "# Made by `python -m pipelines.eks.catalogue` from prometheus/rules/*.yml.\n"
    return head + yaml.safe_dump(content, sort_keys=False, width=1000)


def _request(name: str, source: str) -> JobRequest:
    settings = Settings(account_id="123456789012", region="us-east-1")
    return training(name, f"s3://{settings.bucket}/{source}", settings.horizon_months, settings)


if __name__ == "__main__":
    if sys.argv[1:] == ["job"]:
        sys.stdout.write(example())
    else:
        write_text(monthly(), _DEPLOY / "eks" / "base" / "training" / "cronjob.yaml")
        write_text(rules(), _RULES.with_name("rules-on-eks.yaml"))
