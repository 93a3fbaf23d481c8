"""Jobs of the namespace ml-jobs: submit, look, read the log."""

from __future__ import annotations

import re
from typing import Any, Literal

from pipelines.eks.api import Api, ClusterError
from pipelines.eks.job import NAMESPACE

_JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

Outcome = Literal["created", "there"]


def submit(api: Api, manifest: str) -> Outcome:
    """Make the Job, or find that it is there already (409): a repeated trigger makes nothing twice."""
    try:
        api.create(_JOBS, manifest)
    except ClusterError as error:
        if error.status == 409:
            return "there"
        raise
    return "created"


def find(api: Api, name: str) -> dict[str, Any] | None:
    """The Job, None when there is none (any more: a finished one goes after a day)."""
    try:
        return api.get(f"{_JOBS}/{_checked(name)}")
    except ClusterError as error:
        if error.status == 404:
            return None
        raise


def jobs(api: Api) -> list[dict[str, Any]]:
    """Every training that the cluster still keeps, newest first."""
    found = api.get(_JOBS, labelSelector="app.kubernetes.io/name%3Dhousing-training")["items"]
    return sorted(found, key=lambda item: str(item["metadata"].get("creationTimestamp", "")), reverse=True)


def pods(api: Api, name: str) -> list[dict[str, Any]]:
    """The pods of a Job, oldest first."""
    found = api.get(_PODS, labelSelector=f"batch.kubernetes.io/job-name%3D{_checked(name)}")["items"]
    return sorted(found, key=lambda item: str(item["metadata"].get("creationTimestamp", "")))


def events(api: Api, pod: str) -> list[dict[str, Any]]:
    """What the cluster says about a pod, oldest first."""
    return list(api.get(f"/api/v1/namespaces/{NAMESPACE}/events", fieldSelector=f"involvedObject.name%3D{_checked(pod)}")["items"])


def log(api: Api, pod: str, lines: int = 200) -> str:
    """The last lines of a pod's log."""
    return api.text(f"{_PODS}/{_checked(pod)}/log", container="train", tailLines=str(lines))


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ClusterError(f"name {name!r}: lower case letters, digits and dashes, at most 63; `housing eks status` lists the jobs")
    return name
