"""What a pod needs of the cluster is there: its account, a node that it fits and may use, its GPU, time to start and to end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inference.settings import Settings as Server
from pipelines.settings import Settings

from .cluster_view import OURS, Manifest, container_of, name_of, namespace_of, of_kind, ports_of, workloads

GPU = "nvidia.com/gpu"
TYPE = "node.kubernetes.io/instance-type"
PURPOSE = "housing/purpose"


def scheduling_faults(manifests: list[Manifest]) -> Iterator[str]:
    yield from _pools(manifests)
    for manifest, pod in workloads(manifests):
        account = pod.get("serviceAccountName")
        accounts = [one for one in of_kind(manifests, "ServiceAccount", account) if namespace_of(one) == namespace_of(manifest)]
        if namespace_of(manifest) in OURS and not (account and accounts):
            yield f"{name_of(manifest)}: no ServiceAccount {account} in its namespace"
        yield from _node(manifest, pod, manifests)
        yield from _probes(manifest, pod)
        yield from _end(manifest, pod)


def _pools(manifests: list[Manifest]) -> Iterator[str]:
    classes = {(one["apiVersion"].partition("/")[0], one["kind"], one["metadata"]["name"]) for one in of_kind(manifests, "EC2NodeClass")}
    for pool in of_kind(manifests, "NodePool"):
        spec = pool["spec"]["template"]["spec"]
        reference = spec["nodeClassRef"]
        if (reference["group"], reference["kind"], reference["name"]) not in classes:
            yield f"{name_of(pool)}: no {reference['kind']} {reference['name']}"
        if GPU not in {taint["key"] for taint in spec.get("taints", [])}:
            yield f"{name_of(pool)}: pods without a GPU may take its nodes"


def purposes_of(pod: dict[str, Any]) -> set[str]:
    """For which nodes a pod asks, by selector or by affinity."""
    chosen = {pod.get("nodeSelector", {}).get(PURPOSE)} - {None}
    return chosen | {value for one in _required(pod) if one["key"] == PURPOSE for value in one["values"]}


def types_of(pod: dict[str, Any]) -> set[str]:
    """The instance types that a pod takes, by selector or by affinity."""
    chosen = {pod.get("nodeSelector", {}).get(TYPE)} - {None}
    return chosen | {value for one in _required(pod) if one["key"] == TYPE for value in one["values"]}


def _required(pod: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = pod.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    return [one for term in wanted.get("nodeSelectorTerms", []) for one in term["matchExpressions"]]


def _node(manifest: Manifest, pod: dict[str, Any], manifests: list[Manifest]) -> Iterator[str]:
    purposes = purposes_of(pod)
    pools = [one for one in of_kind(manifests, "NodePool") if one["spec"]["template"]["metadata"]["labels"][PURPOSE] in purposes]
    if not purposes or len({pool["spec"]["template"]["metadata"]["labels"][PURPOSE] for pool in pools}) < len(purposes):
        yield f"{name_of(manifest)}: no NodePool makes a node for {sorted(purposes) or 'its pods'}"
    for pool in pools:
        spec = pool["spec"]["template"]["spec"]
        offered = {value for one in spec["requirements"] if one["key"] == TYPE for value in one["values"]}
        if types_of(pod) - offered:
            yield f"{name_of(manifest)}: no NodePool makes a node of {sorted(types_of(pod) - offered)}"
        for taint in spec["taints"]:
            if not any(_tolerates(one, taint) for one in pod.get("tolerations", [])):
                yield f"{name_of(manifest)}: does not tolerate {taint['key']} of {name_of(pool)}"
    limits = container_of(pod).get("resources", {}).get("limits", {})
    if manifest["kind"] != "DaemonSet" and purposes and limits.get(GPU) != "1":
        yield f"{name_of(manifest)}: has no limit of one {GPU}"


def _tolerates(toleration: dict[str, Any], taint: dict[str, Any]) -> bool:
    same = toleration.get("operator") == "Exists" or toleration.get("value") == taint.get("value")
    return same and toleration.get("key") == taint["key"] and toleration.get("effect") in (None, taint["effect"])


def _probes(manifest: Manifest, pod: dict[str, Any]) -> Iterator[str]:
    server, longest = container_of(pod), Settings().startup_timeout_seconds
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = server.get(kind, {}).get("httpGet")
        if asked and asked["port"] not in ports_of([pod]):
            yield f"{name_of(manifest)}: {kind} asks a port that is not there, {asked['port']}"
        if asked and manifest["kind"] == "Deployment" and asked["path"] != "/ping":
            yield f"{name_of(manifest)}: {kind} asks {asked['path']}, not /ping"
    if manifest["kind"] == "Deployment":
        start = server.get("startupProbe", {"periodSeconds": 0, "failureThreshold": 0})
        if start["periodSeconds"] * start["failureThreshold"] < longest:
            yield f"{name_of(manifest)}: is killed before {longest} s, which a model may need to load"


def _end(manifest: Manifest, pod: dict[str, Any]) -> Iterator[str]:
    """SIGTERM to SIGKILL: a server needs preStop, drain and its longest answer; a training what Spot leaves."""
    grace, worker = pod.get("terminationGracePeriodSeconds", 30), container_of(pod)
    if manifest["kind"] == "Deployment":
        waits = worker.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        server = Server.from_environment({one["name"]: one["value"] for one in worker.get("env", [])})
        needed = waits + server.drain_seconds + server.deadline_seconds
        if grace < needed:
            yield f"{name_of(manifest)}: is killed after {grace} s; it needs {needed:g}"
    if manifest["kind"] in ("Job", "CronJob") and not 100 <= grace <= 120:
        yield f"{name_of(manifest)}: has {grace} s to end, of Spot's 120"
