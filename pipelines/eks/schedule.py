"""A training that starts by itself: the Job of the template in a CronJob."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from pipelines.eks.job import TEMPLATE, JobRequest, JobRequestError, render

_FIELD = r"(\*|[0-9]+(-[0-9]+)?)(/[0-9]+)?"
_CRON = re.compile(rf"{_FIELD}(,{_FIELD})*( {_FIELD}(,{_FIELD})*){{4}}")
HISTORY = 3


def render_schedule(request: JobRequest, cron: str, template: Path = TEMPLATE, *, suspend: bool = False) -> str:
    """The CronJob as YAML: `cron` has five fields in UTC; a training that still runs is not joined by another.

    JobRequestError when the schedule is malformed, or the Job has several hosts (they find each other by a name that a CronJob makes up).
    """
    if not _CRON.fullmatch(cron):
        raise JobRequestError(f"schedule {cron!r}: give five fields, minute hour day month weekday, e.g. '0 6 2 * *'")
    if request.hosts > 1:
        raise JobRequestError("hosts: a scheduled training has one; several are started by `housing eks submit`")
    job = yaml.safe_load(render(request, template))
    metadata = {key: job["metadata"][key] for key in ("name", "namespace", "labels")}
    content = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata,
        "spec": {
            "schedule": cron,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "suspend": suspend,
            "successfulJobsHistoryLimit": HISTORY,
            "failedJobsHistoryLimit": HISTORY,
            "jobTemplate": {"metadata": {"labels": dict(job["metadata"]["labels"])}, "spec": job["spec"]},
        },
    }
    return yaml.safe_dump(content, sort_keys=False, width=140)
