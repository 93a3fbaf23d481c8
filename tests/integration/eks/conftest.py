"""A fake cluster as the EKS of this process, the emulator as its S3 and STS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .fake_cluster import NAME, FakeCluster


@pytest.fixture
def cluster(tmp_path: Path, emulator_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    for name in [name for name in os.environ if name.startswith("HOUSING_")]:
        monkeypatch.delenv(name)
    with FakeCluster(tmp_path) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", running.eks_url)
        monkeypatch.setenv("HOUSING_EKS_CLUSTER", NAME)
        monkeypatch.setenv("HOUSING_BUCKET", "eks-bucket")
        yield running


def pod(name: str, job: str, phase: str, minutes: float = 0, **status: Any) -> dict[str, Any]:
    """A pod as the API describes it, made so many minutes ago."""
    created = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "metadata": {"name": name, "labels": {"batch.kubernetes.io/job-name": job}, "creationTimestamp": created},
        "spec": {"containers": [{"name": "train", "resources": {"limits": {"memory": "26Gi"}}}]},
        "status": {"phase": phase, **status},
    }


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    """The status of a container that has ended."""
    return {"containerStatuses": [{"name": "train", "state": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}]}


def warning(name: str, reason: str, message: str) -> dict[str, Any]:
    return {"type": "Warning", "involvedObject": {"name": name}, "reason": reason, "message": message}
