"""Locks, Dockerfile and compose file say the same as the rest of the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
LOCKS = {
    "train-cpu": ("train", "cpu", "eks"),
    "train-gpu": ("train", "gpu", "eks"),
    "serve-cpu": ("serve", "traces", "cpu", "eks"),
    "serve-gpu": ("serve", "traces", "gpu", "eks"),
}


def pins(path: Path) -> dict[str, str]:
    return dict(line.split("==") for line in path.read_text().split())


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_the_versions_of_the_constraints_and_all_that_its_extras_ask_for(lock: str) -> None:
    locked, constraints = pins(ROOT / "containers" / "locks" / f"{lock}.txt"), pins(ROOT / "constraints.txt")
    assert {name: version for name, version in locked.items() if constraints.get(name, version) != version} == {}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {re.split(r"[<>=\[]", wish)[0].lower() for extra in LOCKS[lock] for wish in extras[extra]}
    assert asked <= set(locked)


@pytest.mark.parametrize("lock", [name for name in LOCKS if name.endswith("cpu")])
def test_a_lock_for_cpus_has_no_cuda(lock: str) -> None:
    assert [name for name in pins(ROOT / "containers" / "locks" / f"{lock}.txt") if name.startswith(("nvidia", "cuda", "triton"))] == []


@pytest.mark.parametrize("lock", [name for name in LOCKS if name.endswith("gpu")])
def test_a_lock_for_gpus_has_one_nccl(lock: str) -> None:
    """Two would write the same files."""
    assert [name for name in pins(ROOT / "containers" / "locks" / f"{lock}.txt") if "nccl" in name] == ["nvidia-nccl-cu13"]


def test_the_base_image_is_pinned_by_digest_and_the_context_is_a_list_of_what_may_go_in() -> None:
    dockerfile = (ROOT / "containers" / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE_IMAGE=\S+@sha256:[0-9a-f]{64}$", dockerfile, re.MULTILINE)
    listed = (ROOT / "containers" / "Dockerfile.dockerignore").read_text().splitlines()
    assert listed[0] == "*"
    copied = {words.split()[0] for words in re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile, re.MULTILINE)}
    assert all(any(source.startswith(entry[1:]) for entry in listed if entry.startswith("!")) for source in copied)


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "containers" / "compose.yaml").read_text())["services"]
    return found


def test_compose_has_the_server_what_watches_it_and_a_load(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"model", "server", "prometheus", "grafana", "load"}
    assert services["server"]["depends_on"] == {"model": {"condition": "service_completed_successfully"}}
    assert services["load"]["profiles"] == ["load"]


def test_compose_opens_ports_on_the_loopback_address_alone_and_takes_every_right_away(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.search(r":-[^}]+:(?!latest)[\w.-]+}$", service["image"]), name


def test_what_compose_mounts_is_there(services: dict[str, dict[str, Any]]) -> None:
    mounts = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    for mount in (mount for mount in mounts if mount.startswith(".")):
        assert (ROOT / "containers" / mount).exists(), mount
