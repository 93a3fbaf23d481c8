"""Manifests as the cluster sees them: what a name or a label in one finds among the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Manifest = dict[str, Any]
OURS = ("ml-inference", "ml-jobs")


def name_of(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def of_kind(manifests: list[Manifest], kind: str, name: str | None = None) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind and name in (None, one["metadata"]["name"])]


def namespace_of(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def template_of(manifest: Manifest) -> dict[str, Any] | None:
    """The pod template of a workload, None for what makes no pods."""
    spec = manifest.get("spec", {})
    for road in (("template",), ("jobTemplate", "spec", "template")):
        found = spec
        for step in road:
            found = found.get(step, {}) if isinstance(found, dict) else {}
        if "containers" in found.get("spec", {}):
            return dict(found)
    return None


def pod_of(manifest: Manifest) -> dict[str, Any] | None:
    template = template_of(manifest)
    return None if template is None else dict(template["spec"])


def workloads(manifests: list[Manifest]) -> Iterator[tuple[Manifest, dict[str, Any]]]:
    """Each manifest that makes pods, with the pod."""
    for manifest in manifests:
        if (pod := pod_of(manifest)) is not None:
            yield manifest, pod


def pods_with(manifests: list[Manifest], namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The pods of a namespace that have all these labels."""
    found = []
    for manifest in manifests:
        template = template_of(manifest)
        there = (template or {}).get("metadata", {}).get("labels", {})
        if template is not None and namespace_of(manifest) == namespace and there.items() >= labels.items():
            found.append(dict(template["spec"]))
    return found


def ports_of(pods: list[dict[str, Any]]) -> set[str | int]:
    """The ports of these pods, by name and by number."""
    ports = [port for pod in pods for container in pod["containers"] for port in container.get("ports", [])]
    return {port["name"] for port in ports} | {port["containerPort"] for port in ports}


def container_of(pod: dict[str, Any]) -> dict[str, Any]:
    return dict(pod["containers"][0])
