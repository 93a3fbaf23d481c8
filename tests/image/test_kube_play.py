"""The Deployment of deploy/eks, really run: by `podman kube play`, with the image that was built, its model from the emulator's S3.

What podman has no word for is put differently and said in `adapted`; user, capabilities, read-only root, arguments and mounts are those of
the manifest.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from emulator import lifecycle
from tests.conftest import Road

from .engine import ROOT, SERVE

DEPLOYMENT = ROOT / "deploy" / "eks" / "base" / "inference" / "deployment.yaml"
IMAGE = "localhost/housing-kube:test"
LIMIT_SECONDS = 120
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "{runtime}"
"""


@dataclass(frozen=True)
class Podman:
    """An engine with storage of its own."""

    folder: Path
    env: dict[str, str]

    def run(self, *words: str, check: bool = True, timeout_seconds: float = 300) -> str:
        options = ["--storage-driver", "overlay", "--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        done = subprocess.run(
            ["podman", *options, *words], env=self.env, capture_output=True, text=True, check=False, timeout=timeout_seconds
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Podman with the serving image, as Docker has built it but without its health check, which needs systemd."""
    if shutil.which("podman") is None or os.geteuid():
        pytest.skip("podman is not installed, or we are not root: the Deployment was not run")
    folder = tmp_path_factory.mktemp("podman")
    configuration = folder / "containers.conf"
    configuration.write_text(CONFIGURATION.format(runtime="runc" if shutil.which("runc") else "crun"))
    engine = Podman(folder, {**os.environ, "CONTAINERS_CONF": str(configuration)})
    archive = folder / "image.tar"
    subprocess.run(["docker", "save", "--output", str(archive), SERVE], check=True, capture_output=True, timeout=300)
    engine.run("load", "--quiet", "--input", str(archive))
    archive.unlink()
    (folder / "Containerfile").write_text(f"FROM localhost/{SERVE}\nHEALTHCHECK NONE\n")
    engine.run("build", "--quiet", "--network", "host", "--tag", IMAGE, str(folder))
    yield engine
    engine.run("pod", "rm", "--all", "--force", check=False)
    engine.run("rmi", "--all", "--force", check=False)


@pytest.fixture
def model(tmp_path: Path, synthetic_road: Road) -> Iterator[dict[str, str]]:
    """The environment of a pod whose model lies in an emulator's S3."""
    home = tmp_path / "emulator"
    running = lifecycle.up(home, port=0, region="eu-west-1")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": running.url}
    s3 = boto3.client("s3", endpoint_url=running.url, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="models", Key="model.tar.gz", Body=synthetic_road.archive.read_bytes())
    yield keys | {"HOUSING_MODEL_URI": "s3://models/model.tar.gz"}
    lifecycle.down(home)


def adapted(deployment: dict[str, Any], port: int, volumes: Path, model: dict[str, str]) -> dict[str, Any]:
    """The Deployment with what podman 4 lacks put in other words: one replica, the host's network, folders for emptyDir, S3 on loopback."""
    spec = deployment["spec"]["template"]["spec"]
    # the other kind, "once", removes an init container that it takes for running still
    for described in (deployment, deployment["spec"]["template"]):
        described["metadata"]["annotations"] = {"io.podman.annotations.init.container.type": "always"}
    deployment["spec"]["replicas"] = 1
    spec["hostNetwork"] = True
    for volume in spec["volumes"]:
        folder = volumes / volume["name"]
        folder.mkdir()
        os.chown(folder, spec["securityContext"]["fsGroup"], spec["securityContext"]["fsGroup"])
        del volume["emptyDir"]
        volume["hostPath"] = {"path": str(folder), "type": "Directory"}
    for container in [*spec["initContainers"], *spec["containers"]]:
        container |= {"image": IMAGE, "imagePullPolicy": "Never"}
        container.pop("lifecycle", None)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            container.pop(probe, None)  # podman runs them by systemd
        container["resources"]["limits"].pop("nvidia.com/gpu", None)
    (fetch,), (serve,) = spec["initContainers"], spec["containers"]
    fetch["env"] = [{"name": name, "value": value} for name, value in model.items()]
    serve["env"] += [{"name": "SAGEMAKER_BIND_TO_PORT", "value": str(port)}]
    serve["ports"] = []
    return deployment


def answer(port: int, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_deployment_runs_as_its_manifest_says(podman: Podman, model: dict[str, str], tmp_path: Path, synthetic_road: Road) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    (tmp_path / "volumes").mkdir()
    deployment = next(one for one in yaml.safe_load_all(DEPLOYMENT.read_text()) if one["kind"] == "Deployment")
    (tmp_path / "deployment.yaml").write_text(yaml.safe_dump(adapted(deployment, port, tmp_path / "volumes", model)))
    podman.run("kube", "play", "--network", "host", str(tmp_path / "deployment.yaml"))
    (name,) = [name for name in podman.run("ps", "--format", "{{.Names}}").split() if name.endswith("-serve")]
    until = time.monotonic() + LIMIT_SECONDS
    while not _ready(port):
        assert time.monotonic() < until, podman.run("logs", name, check=False)
        time.sleep(0.2)
    status, body = answer(port, "/invocations", json.dumps({"inputs": [{"item_id": "Town A"}]}).encode())
    assert (status, json.loads(body)["predictions"][0]["item_id"]) == (200, "Town A")
    facts = dict(line.split(":", 1) for line in podman.run("exec", name, "cat", "/proc/1/status").splitlines())
    assert facts["Uid"].split() == ["10001"] * 4
    assert int(facts["CapEff"], 16) == 0
    assert facts["NoNewPrivs"].strip() == "1"
    for path in ("/opt/app/x", "/opt/ml/model/x", "/etc/x"):
        assert "Read-only" in podman.run("exec", name, "sh", "-c", f"touch {path} 2>&1", check=False)
    podman.run("exec", name, "touch", "/tmp/x")
    podman.run("kube", "down", str(tmp_path / "deployment.yaml"))
    assert not _ready(port)


def _ready(port: int) -> bool:
    try:
        return answer(port, "/ping")[0] == 200
    except OSError:
        return False
