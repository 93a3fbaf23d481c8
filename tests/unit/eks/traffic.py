"""What is sent somewhere arrives: Services, the load balancer, monitors, scalers and NetworkPolicies name what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from inference.openapi import document

from .cluster_view import OURS, Manifest, name_of, namespace_of, of_kind, pods_with, ports_of

ROUTES = frozenset(document("any")["paths"])
KNOWN = {"kube-system", "monitoring"}
"""Namespaces that others make, or the overlays' base."""
NAMES = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
CREDENTIALS = "169.254.170.23/32"
"""Where the agent of EKS Pod Identity listens."""
PROMETHEUS = "http://prometheus-operated.monitoring.svc:9090"


def traffic_faults(manifests: list[Manifest]) -> Iterator[str]:
    yield from _services(manifests)
    yield from _ingress(manifests)
    yield from _monitors(manifests)
    yield from _scalers(manifests)
    for policy in of_kind(manifests, "NetworkPolicy"):
        yield from _policy(policy, manifests)


def _services(manifests: list[Manifest]) -> Iterator[str]:
    for service in of_kind(manifests, "Service"):
        found = pods_with(manifests, namespace_of(service), service["spec"]["selector"])
        if not found:
            yield f"{name_of(service)}: its selector finds no pod"
        for port in service["spec"].get("ports", []):
            if port["targetPort"] not in ports_of(found):
                yield f"{name_of(service)}: its pods have no port {port['targetPort']}"
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        if not pods_with(manifests, namespace_of(budget), budget["spec"]["selector"]["matchLabels"]):
            yield f"{name_of(budget)}: its selector finds no pod"


def _ingress(manifests: list[Manifest]) -> Iterator[str]:
    for ingress in of_kind(manifests, "Ingress"):
        asked = ingress["metadata"]["annotations"].get("alb.ingress.kubernetes.io/healthcheck-path")
        if asked != "/ping":
            yield f"{name_of(ingress)}: asks {asked} for health, not /ping"
        for path in (path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]):
            wanted = path["backend"]["service"]
            found = [one for one in of_kind(manifests, "Service", wanted["name"]) if namespace_of(one) == namespace_of(ingress)]
            if wanted["port"]["name"] not in {port["name"] for one in found for port in one["spec"]["ports"]}:
                yield f"{name_of(ingress)}: no Service {wanted['name']} with the port {wanted['port']['name']}"
            if not any(route == path["path"] or (path["pathType"] == "Prefix" and route.startswith(path["path"])) for route in ROUTES):
                yield f"{name_of(ingress)}: {path['path']} is no route of the server"


def _monitors(manifests: list[Manifest]) -> Iterator[str]:
    for monitor in of_kind(manifests, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        here = [one for one in of_kind(manifests, "Service") if namespace_of(one) == namespace_of(monitor)]
        ports = {port["name"] for one in here if one["metadata"].get("labels", {}).items() >= wanted for port in one["spec"]["ports"]}
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in ports:
                yield f"{name_of(monitor)}: no Service has the port {endpoint['port']}"
    for monitor in of_kind(manifests, "PodMonitor"):
        found = pods_with(manifests, namespace_of(monitor), monitor["spec"]["selector"]["matchLabels"])
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if endpoint["port"] not in ports_of(found):
                yield f"{name_of(monitor)}: no pod has the port {endpoint['port']}"


def _scalers(manifests: list[Manifest]) -> Iterator[str]:
    for scaler in (*of_kind(manifests, "HorizontalPodAutoscaler"), *of_kind(manifests, "ScaledObject")):
        wanted = scaler["spec"]["scaleTargetRef"]
        found = of_kind(manifests, wanted.get("kind", "Deployment"), wanted["name"])
        if not [one for one in found if namespace_of(one) == namespace_of(scaler)]:
            yield f"{name_of(scaler)}: there is no {wanted['name']} in {namespace_of(scaler)} to scale"
    for scaler in of_kind(manifests, "ScaledObject"):
        for asked in (one["metadata"] for one in scaler["spec"]["triggers"]):
            named = set(re.findall(r'namespace="([^"]*)"', asked["query"]))
            if named != {namespace_of(scaler)}:
                yield f"{name_of(scaler)}: measures {sorted(named)}, not its own namespace"
            if asked["serverAddress"] != PROMETHEUS:
                yield f"{name_of(scaler)}: asks {asked['serverAddress']}, not {PROMETHEUS}"
            if asked.get("ignoreNullValues") != "false":
                yield f"{name_of(scaler)}: takes no answer for no load"


def _policy(policy: Manifest, manifests: list[Manifest]) -> Iterator[str]:
    chosen, spec = policy["spec"]["podSelector"].get("matchLabels", {}), policy["spec"]
    held = pods_with(manifests, namespace_of(policy), chosen)
    if not held:
        yield f"{name_of(policy)}: its selector finds no pod"
    for rule in spec.get("ingress", []) or []:
        for port in rule.get("ports", []):
            if port["port"] not in ports_of(held):
                yield f"{name_of(policy)}: its pods do not hear {port['port']}"
    there = KNOWN | {one["metadata"]["name"] for one in of_kind(manifests, "Namespace")}
    for peer in _peers(spec):
        named = peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
        if named is not None and named not in there:
            yield f"{name_of(policy)}: there is no namespace {named}"
    if chosen and namespace_of(policy) in OURS:
        yield from _ways_out(policy)


def _ways_out(policy: Manifest) -> Iterator[str]:
    """Names and credentials: without one of them a pod of ours only waits. S3's addresses are those of the network (test_cluster.py)."""
    rules = policy["spec"]["egress"]
    ways = [(peer, {(port["protocol"], port["port"]) for port in rule.get("ports", [])}) for rule in rules for peer in rule["to"]]
    if (NAMES, {("UDP", 53), ("TCP", 53)}) not in ways:
        yield f"{name_of(policy)}: cannot resolve names"
    if ({"ipBlock": {"cidr": CREDENTIALS}}, {("TCP", 80)}) not in ways:
        yield f"{name_of(policy)}: cannot get its AWS credentials"


def _peers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(direction, []) or []:
            yield from rule.get(side, [])
