"""Jobs of the last week that failed for a reason with a known fix."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.aws import client
from pipelines.doctor.finding import Finding
from pipelines.settings import Settings

LOOKED_BACK = timedelta(days=7)
SHOWN = 20

KINDS = {
    "TrainingJob": ("list_training_jobs", "TrainingJobSummaries", "describe_training_job", "HOUSING_TRAINING_INSTANCE_TYPE"),
    "ProcessingJob": ("list_processing_jobs", "ProcessingJobSummaries", "describe_processing_job", "HOUSING_PROCESSING_INSTANCE_TYPE"),
    "TransformJob": ("list_transform_jobs", "TransformJobSummaries", "describe_transform_job", "HOUSING_TRANSFORM_INSTANCE_TYPE"),
}

MEMORY = ("137", "outofmemory", "out of memory", "memoryerror", "oom")
QUOTA = ("resourcelimitexceeded", "account-level service limit")
CAPACITY = ("insufficientinstancecapacity", "capacityerror", "unable to provision")


def failed(settings: Settings) -> Iterator[Finding]:
    """Killed for memory, refused for a quota, or without capacity: the newest of each kind of job."""
    sagemaker, since = client("sagemaker", settings), datetime.now(UTC) - LOOKED_BACK
    for kind, (listing, key, describe, variable) in KINDS.items():
        page = getattr(sagemaker, listing)(
            StatusEquals="Failed", CreationTimeAfter=since, SortBy="CreationTime", SortOrder="Descending", MaxResults=SHOWN
        )
        for item in page[key]:
            job = getattr(sagemaker, describe)(**{f"{kind}Name": item[f"{kind}Name"]})
            found = _diagnosis(job.get("FailureReason", ""), variable)
            if found:
                yield Finding("failed jobs", f"{kind} {item[f'{kind}Name']}", *found)


def _diagnosis(reason: str, variable: str) -> tuple[str, str] | None:
    """What the reason means, and the fix; None for reasons of the job's own."""
    text: Any = reason.lower()
    if any(word in text for word in MEMORY):
        return "was killed for want of memory", f"a bigger {variable}, e.g. twice the memory, or a smaller batch"
    if any(word in text for word in QUOTA):
        return "was refused for a quota", f"ask for more in Service Quotas, or another {variable}"
    if any(word in text for word in CAPACITY):
        return "got no machine: the zone has none free", f"start it again later, another {variable}, or HOUSING_USE_SPOT=false"
    return None
