"""Pods on EKS that wait or were killed, each with what holds it and the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.doctor.finding import Finding
from pipelines.eks.api import Api
from pipelines.eks.control import connect
from pipelines.settings import Settings

NAMESPACES = ("ml-inference", "ml-jobs")
PATIENCE = timedelta(minutes=10)
"""A node takes minutes to start and to pull its image; a pod that waits longer is told of."""
GPU = "nvidia.com/gpu"

_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        "exceeded quota",
        "the ResourceQuota of the namespace is used up",
        "`kubectl describe quota -n {namespace}`; wait, or raise it with the NodePools' limits",
    ),
    (
        "VcpuLimitExceeded|MaxSpotInstanceCountExceeded|Service Quota",
        "the account's EC2 quota is used up",
        "ask for more of 'Running On-Demand G and VT instances' or 'All G and VT Spot Instance Requests' in Service Quotas, service ec2",
    ),
    (
        "InsufficientInstanceCapacity|no instance type.*available|all available instance types exceed limits",
        "AWS has no such machine now, or the NodePool is at its limit",
        "`kubectl get nodepools,nodeclaims`; more types in deploy/eks/base/nodes and in what the pod asks for (docs/troubleshooting.md)",
    ),
    (
        f"Insufficient {re.escape(GPU)}",
        "no node has a free GPU",
        "`kubectl get nodes -L housing/purpose`; without a node: `kubectl get nodepools`, with one: is its device plugin running?",
    ),
    (
        "untolerated taint",
        "the pod does not tolerate the taint of the nodes",
        "give it the tolerations of deploy/eks/job/training-job.yaml",
    ),
    (
        "node affinity/selector|incompatible requirements",
        "its nodeSelector or affinity fits no node and no NodePool",
        "compare `kubectl get pod {pod} -n {namespace} -o yaml` with `kubectl get nodepools -o yaml`: instance type, housing/purpose",
    ),
    (
        "ErrImagePull|ImagePullBackOff|InvalidImageName",
        "its image cannot be pulled",
        "`aws ecr describe-images --repository-name housing-crisis-ml`; the node's role needs ECR's read rights",
    ),
)


def pending(settings: Settings) -> Iterator[Finding]:
    """Pods that have waited for ten minutes, by cause."""
    if settings.eks_cluster is None:
        return
    api = connect(settings)
    for namespace in NAMESPACES:
        told = _told(api, namespace)
        for pod in api.get(f"/api/v1/namespaces/{namespace}/pods", fieldSelector="status.phase%3DPending")["items"]:
            name, waited = pod["metadata"]["name"], _age(pod)
            if waited >= PATIENCE:
                what, fix = _cause(" ".join([told.get(name, ""), _waiting(pod)]), namespace, name)
                minutes = waited.total_seconds() / 60
                yield Finding("pending pods", f"pod {namespace}/{name}", f"has been Pending for {minutes:,.0f} minutes: {what}", fix)
        for name, words in told.items():
            if "exceeded quota" in words and "forbidden" in words:  # such a pod was never made
                what, fix = _cause(words, namespace, name)
                yield Finding("pending pods", f"{namespace}/{name}", f"gets no pod: {what}", fix)


def without_device_plugin(settings: Settings) -> Iterator[Finding]:
    """GPU nodes of ours that offer no GPU: no pod that asks for one will ever run there."""
    if settings.eks_cluster is None:
        return
    for node in connect(settings).get("/api/v1/nodes", labelSelector="housing%2Fpurpose")["items"]:
        if not int(node.get("status", {}).get("allocatable", {}).get(GPU, 0)) and _age(node) >= PATIENCE:
            fix = "`kubectl get pods -n monitoring -l app.kubernetes.io/name=nvidia-device-plugin -o wide`; apply deploy/eks/base/gpu"
            yield Finding(
                "device plugin", f"node {node['metadata']['name']}", f"offers no {GPU}: its device plugin or driver is missing", fix
            )


def out_of_memory(settings: Settings) -> Iterator[Finding]:
    """Containers that were killed for want of memory."""
    if settings.eks_cluster is None:
        return
    api = connect(settings)
    for namespace in NAMESPACES:
        for pod in api.get(f"/api/v1/namespaces/{namespace}/pods")["items"]:
            for container in pod.get("status", {}).get("containerStatuses", []):
                ends = [container.get(state, {}).get("terminated") or {} for state in ("state", "lastState")]
                if any(end.get("reason") == "OOMKilled" for end in ends):
                    limit = _limit(pod, container["name"])
                    fix = "double it, on a machine that has it: `memory` of deploy/eks (16Gi to 32Gi: g5.xlarge to g5.2xlarge)"
                    yield Finding("out of memory", f"pod {namespace}/{pod['metadata']['name']}", f"was killed at its limit of {limit}", fix)


def _told(api: Api, namespace: str) -> dict[str, str]:
    """What the cluster warned of, newest last, by the name of its object."""
    told: dict[str, str] = {}
    for event in api.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector="type%3DWarning")["items"]:
        name = event["involvedObject"]["name"]
        told[name] = f"{told.get(name, '')} {event.get('reason', '')}: {event.get('message', '')}".strip()
    return told


def _cause(words: str, namespace: str, pod: str) -> tuple[str, str]:
    for pattern, what, fix in _CAUSES:
        if re.search(pattern, words):
            return what, fix.format(namespace=namespace, pod=pod)
    return " ".join(words.split())[:200] or "nothing was said why", f"`kubectl describe pod {pod} -n {namespace}`"


def _waiting(pod: Mapping[str, Any]) -> str:
    status = pod.get("status", {})
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    waits = [one.get("state", {}).get("waiting") or {} for one in containers]
    conditions = [one.get("message", "") for one in status.get("conditions", []) if one.get("type") == "PodScheduled"]
    return " ".join(
        [f"{one.get('reason', '')}: {one.get('message', '')}" for one in waits if one.get("reason") != "PodInitializing"] + conditions
    )


def _limit(pod: Mapping[str, Any], container: str) -> str:
    for one in pod["spec"]["containers"]:
        if one["name"] == container:
            return str(one.get("resources", {}).get("limits", {}).get("memory", "none of its own"))
    return "none of its own"


def _age(thing: Mapping[str, Any]) -> timedelta:
    created = datetime.fromisoformat(thing["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
    return datetime.now(UTC) - created
