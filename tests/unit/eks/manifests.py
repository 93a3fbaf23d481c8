"""The manifests of an overlay, and what may be held against them: schemas, and the rules of this project."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from .cluster_view import Manifest, name_of, of_kind, pod_of
from .scheduling import scheduling_faults
from .traffic import traffic_faults

ROOT = Path(__file__).parents[3]
EKS = ROOT / "deploy" / "eks"
CRDS = Path(__file__).parent / "crds"
VERSION = "1.34"


def missing_kubectl() -> str:
    """Why the overlays can't be built here, empty where they can: components and replacements need kustomize 4 or newer."""
    if shutil.which("kubectl") is None:
        return "kubectl is not installed (scripts/get_kubectl.sh): the overlays were not built nor checked"
    done = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True, check=False)
    version = json.loads(done.stdout or "{}").get("kustomizeVersion", "v0")
    return (
        "" if int(version[1:].split(".")[0]) >= 4 else f"kubectl is too old (kustomize {version}): the overlays were not built nor checked"
    )


NO_KUBECTL = missing_kubectl()
needs_kubectl = pytest.mark.skipif(bool(NO_KUBECTL), reason=NO_KUBECTL)


def build(folder: Path) -> list[Manifest]:
    """What `kubectl kustomize` makes of a folder."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.load_all(done.stdout, yaml.CSafeLoader) if manifest]


def faults(manifests: list[Manifest]) -> list[str]:
    """Everything that is wrong, one line each."""
    alone = [fault for manifest in manifests for fault in (*_schema(manifest), *_pods(manifest), *_rights(manifest), *_network(manifest))]
    return [*alone, *_whole(manifests), *scheduling_faults(manifests), *traffic_faults(manifests)]


@lru_cache
def _closed(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(yaml.safe_load((CRDS / f"{kind}.yaml").read_text()))


def _schema(manifest: Manifest) -> tuple[str, ...]:
    return _schema_of(json.dumps(manifest, sort_keys=True, default=str))


@lru_cache(maxsize=1024)
def _schema_of(text: str) -> tuple[str, ...]:
    """Of one manifest as JSON; kept, since a planted fault leaves most of the manifests as they were."""
    return tuple(_against_schema(json.loads(text)))


def _against_schema(manifest: Manifest) -> Iterator[str]:
    if (CRDS / f"{manifest['kind']}.yaml").is_file():
        group = (CRDS / f"{manifest['kind']}.yaml").read_text().partition("\n")[0].removeprefix("# ")
        if manifest["apiVersion"] != group:
            yield f"{name_of(manifest)}: apiVersion {manifest['apiVersion']}, not {group}"
        for error in _closed(manifest["kind"]).iter_errors(manifest["spec"]):
            yield f"{name_of(manifest)}: {'.'.join(map(str, error.absolute_path))}: {error.message}"
        return
    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        yield f"{name_of(manifest)}: {error}"


def _pods(manifest: Manifest) -> Iterator[str]:
    pod = pod_of(manifest)
    if pod is None:
        return
    ours = manifest["metadata"]["namespace"] != "monitoring"
    if pod.get("automountServiceAccountToken") is not False:
        yield f"{name_of(manifest)}: mounts a token of the Kubernetes API"
    if ours and pod.get("securityContext", {}).get("runAsNonRoot") is not True:
        yield f"{name_of(manifest)}: may run as root"
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        label = f"{name_of(manifest)} {container['name']}"
        context, resources = container.get("securityContext", {}), container.get("resources", {})
        if not context.get("readOnlyRootFilesystem"):
            yield f"{label}: its root file system can be written"
        if context.get("allowPrivilegeEscalation") is not False or context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{label}: has capabilities, or may get them"
        if "memory" not in resources.get("limits", {}) or "memory" not in resources.get("requests", {}):
            yield f"{label}: has no memory request and limit"
        if container["image"].endswith(":latest") or not any(mark in container["image"].rpartition("/")[2] for mark in ":@"):
            yield f"{label}: its image {container['image']} is not pinned"


def _rights(manifest: Manifest) -> Iterator[str]:
    for rule in manifest.get("rules", []) or [] if manifest["kind"] in ("Role", "ClusterRole") else []:
        if "*" in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]:
            yield f"{name_of(manifest)}: a wildcard"
        if {"secrets", "pods/exec"} & set(rule["resources"]):
            yield f"{name_of(manifest)}: reaches secrets or into pods"
        if {"update", "patch", "delete", "deletecollection", "escalate", "bind", "impersonate"} & set(rule["verbs"]):
            yield f"{name_of(manifest)}: changes what is there"
        if manifest["kind"] == "ClusterRole" and set(rule["resources"]) != {"nodes"}:
            yield f"{name_of(manifest)}: reaches over all namespaces"


def _network(manifest: Manifest) -> Iterator[str]:
    if manifest["kind"] != "NetworkPolicy":
        return
    spec = manifest["spec"]
    if spec.get("policyTypes") != ["Ingress", "Egress"]:
        yield f"{name_of(manifest)}: leaves a direction open"
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(direction, []) or []:
            if not rule.get(side):
                yield f"{name_of(manifest)}: {direction} {side} anywhere"
            for peer in rule.get(side, []):
                prefix = int(peer["ipBlock"]["cidr"].rpartition("/")[2]) if "ipBlock" in peer else 32
                if prefix < 20:
                    yield f"{name_of(manifest)}: {direction} {side} {peer['ipBlock']['cidr']} is no named endpoint"
                namespace = peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", "")
                if {manifest["metadata"]["namespace"], namespace} == {"ml-jobs", "ml-inference"}:
                    yield f"{name_of(manifest)}: inference and training are not isolated"


def _whole(manifests: list[Manifest]) -> Iterator[str]:
    for namespace in ("ml-inference", "ml-jobs"):
        denies = [one for one in of_kind(manifests, "NetworkPolicy", "default-deny") if one["metadata"]["namespace"] == namespace]
        if not denies or denies[0]["spec"]["podSelector"] != {}:
            yield f"namespace {namespace}: nothing is denied by default"
