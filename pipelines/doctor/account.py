"""What the account holds or lacks: notebooks that run on, quotas of GPU machines, secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from pipelines import prices
from pipelines.aws import client, is_absent
from pipelines.doctor.finding import Finding
from pipelines.serving import tiers
from pipelines.settings import Settings

FORGOTTEN_AFTER = timedelta(hours=12)


def forgotten_notebooks(settings: Settings) -> Iterator[Finding]:
    """Notebook instances that have run for half a day."""
    table, now = prices.load(settings.prices_file), datetime.now(UTC)
    pages = client("sagemaker", settings).get_paginator("list_notebook_instances").paginate(StatusEquals="InService")
    for page in pages:
        for notebook in page["NotebookInstances"]:
            hours = (now - notebook["LastModifiedTime"]).total_seconds() / 3600
            if hours * 3600 < FORGOTTEN_AFTER.total_seconds():
                continue
            machine = table.machines.get(notebook["InstanceType"].removeprefix("ml."))
            money = f", ${machine.sagemaker_usd_per_hour * table.hours_per_month:,.0f} a month" if machine else ""
            name = notebook["NotebookInstanceName"]
            fix = f"aws sagemaker stop-notebook-instance --notebook-instance-name {name}"
            yield Finding(
                "forgotten notebooks", f"notebook {name}", f"has run for {hours:,.0f} hours on {notebook['InstanceType']}{money}", fix
            )


def missing_quota(settings: Settings) -> Iterator[Finding]:
    """Machines that the settings ask for and the account's quota does not allow."""
    needed = dict(_needed(settings))
    quotas: dict[str, float] = {}
    for page in client("service-quotas", settings).get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        quotas |= {quota["QuotaName"]: quota["Value"] for quota in page["Quotas"]}
    for name, count in needed.items():
        if quotas.get(name, 0) < count:
            what = f"the quota is {quotas.get(name, 0):g}, the settings need {count}"
            fix = f"ask for it in Service Quotas, service sagemaker, {name!r}, region {settings.region}"
            yield Finding("GPU quota", name, what, fix)


def missing_secrets(settings: Settings) -> Iterator[Finding]:
    """Secrets that the settings name and Secrets Manager does not hold, or is about to delete."""
    for name in settings.secrets:
        try:
            facts = client("secretsmanager", settings).describe_secret(SecretId=name)
        except ClientError as error:
            if not is_absent(error):
                raise
            fix = f"aws secretsmanager create-secret --name {name} --secret-string file://KEY"
            yield Finding("missing secrets", f"secret {name}", "does not exist", fix)
            continue
        if facts.get("DeletedDate"):
            yield Finding(
                "missing secrets", f"secret {name}", "is marked for deletion", f"aws secretsmanager restore-secret --secret-id {name}"
            )


def _needed(settings: Settings) -> Iterator[tuple[str, int]]:
    """Quota name -> instances at once. A blue/green update needs the standing fleet twice."""
    kind = "spot training job usage" if settings.use_spot else "training job usage"
    yield f"{settings.training_instance_type} for {kind}", 1
    fleets = 1 if settings.rollout == "rolling" else 2
    for tier in tiers(settings):
        if tier.instance_type:
            yield f"{tier.instance_type} for endpoint usage", max(tier.maximum, fleets * max(1, tier.minimum))
