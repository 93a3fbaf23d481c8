"""`housing doctor` finds what holds each planted pod, and says the fix."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.doctor import cluster as checks
from pipelines.doctor import examine
from pipelines.settings import Settings

from .conftest import pod, warning
from .fake_cluster import FakeCluster

SCHEDULING = {"conditions": [{"type": "PodScheduled", "status": "False"}]}


@pytest.mark.parametrize(
    ("words", "cause", "fix"),
    [
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", "no node has a free GPU", "is its device plugin running?"),
        (
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
            "nodeSelector or affinity fits no node",
            "kubectl get nodepools",
        ),
        ("0/3 nodes are available: 3 node(s) had untolerated taint {nvidia.com/gpu: true}.", "does not tolerate", "tolerations"),
        ("creating instance, VcpuLimitExceeded: You have requested more vCPU", "EC2 quota is used up", "Service Quotas"),
        ("creating instance, InsufficientInstanceCapacity", "AWS has no such machine now", "more types in deploy/eks"),
        ("something new", "FailedScheduling: something new", "kubectl describe pod waits -n ml-jobs"),
    ],
)
def test_a_pod_that_waits_is_found_with_its_cause(cluster: FakeCluster, words: str, cause: str, fix: str) -> None:
    cluster.pods = [
        pod("waits", "train-1", "Pending", 25, **SCHEDULING),
        pod("young", "train-1", "Pending", 2),
        pod("runs", "train-1", "Running", 25),
    ]
    cluster.events = [warning("waits", "FailedScheduling", words)]
    (found,) = checks.pending(Settings())
    assert "pod ml-jobs/waits: has been Pending for 25 minutes" in str(found)
    assert cause in found.what and fix in found.fix


def test_an_image_that_cannot_be_pulled_is_found(cluster: FakeCluster) -> None:
    waiting = {"containerStatuses": [{"name": "train", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}}]}
    cluster.pods = [pod("waits", "train-1", "Pending", 11, **waiting)]
    (found,) = checks.pending(Settings())
    assert "its image cannot be pulled" in found.what


def test_a_job_that_the_quota_gives_no_pod_is_found(cluster: FakeCluster) -> None:
    words = 'pods "train-1-0-x" is forbidden: exceeded quota: training, requested: requests.nvidia.com/gpu=1, used: 5, limited: 5'
    cluster.events = [warning("train-1", "FailedCreate", words)]
    (found,) = checks.pending(Settings())
    assert "ml-jobs/train-1: gets no pod: the ResourceQuota of the namespace is used up" in str(found)


def test_a_gpu_node_that_offers_no_gpu_is_found(cluster: FakeCluster) -> None:
    made = pod("x", "x", "x", 30)["metadata"]["creationTimestamp"]
    gpus: dict[str, Any] = {"good": {"nvidia.com/gpu": "1"}, "bare": {"cpu": "8"}}
    cluster.nodes = [{"metadata": {"name": name, "creationTimestamp": made}, "status": {"allocatable": has}} for name, has in gpus.items()]
    (found,) = checks.without_device_plugin(Settings())
    assert "node bare: offers no nvidia.com/gpu" in str(found)


def test_a_container_that_was_killed_for_memory_is_found_with_its_limit(cluster: FakeCluster) -> None:
    killed = {"containerStatuses": [{"name": "train", "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}
    cluster.pods = [pod("big", "train-1", "Running", 25, **killed), pod("fine", "train-1", "Running", 25)]
    (found,) = checks.out_of_memory(Settings())
    assert "pod ml-jobs/big: was killed at its limit of 26Gi; double it" in str(found)


def test_a_cluster_that_refuses_is_not_taken_for_a_healthy_one(cluster: FakeCluster) -> None:
    assert not [one for one in examine(Settings()).unchecked if "pods" in one]
    cluster.forbidden = True
    assert [one for one in examine(Settings()).unchecked if one.startswith("pending pods: cluster housing: 403")]


def test_without_a_cluster_nothing_is_asked() -> None:
    assert [list(check(Settings(eks_cluster=None))) for check in (checks.pending, checks.out_of_memory, checks.without_device_plugin)] == [
        [],
        [],
        [],
    ]
