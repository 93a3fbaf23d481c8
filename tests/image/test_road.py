"""The whole road in containers, and again as processes: the same forecasts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from emulator import lifecycle
from pipelines.eks.job import render
from pipelines.eks.request import step_training
from pipelines.settings import Settings
from tests.conftest import write_synthetic_source
from tests.image.engine import ROOT, SERVE, TRAIN, docker

BUCKET = "housing-123456789012-us-east-1"
SMALL = {
    "HOUSING_TRAIN_STEPS": json.dumps(
        {"baselines": ["naive", "drift"], "trees": ["xgboost", "catboost"], "neural": ["neural"], "statistical": ["statistical"]}
    ),
    "HOUSING_ORIGINS": "2",
    "HOUSING_MAX_LOSS_RATIO": "5",
    "HOUSING_MIN_COVERAGE80": "0.01",
    "HOUSING_MAX_COVERAGE80": "1",
    "HOUSING_MAX_CALIBRATION_ERROR": "1",
    "HOUSING_PARALLEL_STEPS": "2",
    "HOUSING_TERMINATION_WAIT_SECONDS": "0",
    "HOUSING_BAKE_SECONDS": "1",
    "HOUSING_CPU_TIER": "false",
    "HOUSING_IMAGE_URI": TRAIN,
    "HOUSING_SERVING_IMAGE_URI": SERVE,
    "HOUSING_CPU_SERVING_IMAGE_URI": SERVE,
}
PROCESSES = {
    "images": [
        {"match": "housing-crisis-ml:*", "folder": str(ROOT), "path": [str(Path(sys.executable).parent)], "env": {"OMP_NUM_THREADS": "1"}}
    ]
}


@dataclass(frozen=True)
class Outcome:
    """What a run of the road left."""

    forecasts: bytes
    prediction: str
    pods: str


def travel(sandbox: str, folder: Path) -> Outcome:
    """The road of the README on a small panel in one sandbox."""
    write_synthetic_source(folder / "source")
    images = folder / "images.yaml"
    images.write_text(json.dumps(PROCESSES))
    emulating = {
        "EMULATOR_SANDBOX": sandbox,
        "EMULATOR_DOCKER_OPTIONS": "--env OMP_NUM_THREADS=1 --env HOUSING_CHECKPOINT_SECONDS=0.1",
        "EMULATOR_WAIT_SCALE": "0",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulating.items():
            patch.setenv(name, value)
        lifecycle.up(folder / "home", port=0, images=images, region="us-east-1")
    env = {**os.environ, **SMALL, **lifecycle.env(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache")}

    def housing(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *words], env=env, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    try:
        housing("run", "--panel", str(folder / "source" / "panel.csv.gz"), "--lag", "sales=1", "--yes")
        housing("approve")
        housing("deploy", "--yes")
        containers = docker("ps", "--format", "{{.Image}}")
        assert (SERVE in containers) == (sandbox == "docker")
        prediction = asked(lifecycle.env(folder / "home"))
        housing("results", "--out", str(folder / "out"))
        pods = pods_work(lifecycle.env(folder / "home")) if sandbox == "docker" else ""
    finally:
        lifecycle.down(folder / "home")
    return Outcome((folder / "out" / "forecasts.csv").read_bytes(), prediction, pods)


def client(service: str, aws: dict[str, str]) -> Any:
    key = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=aws["AWS_ENDPOINT_URL"], **key)


def asked(aws: dict[str, str]) -> str:
    """What the endpoint answers."""
    body = json.dumps({"inputs": [{"item_id": "Town A"}]})
    runtime = client("sagemaker-runtime", aws)
    answer: bytes = runtime.invoke_endpoint(EndpointName="housing-forecast", ContentType="application/json", Body=body)["Body"].read()
    return answer.decode()


def pods_work(aws: dict[str, str]) -> str:
    """What the containers of pods say, with the user, rights and environment of their manifests: one trains, one fetches the model."""
    pages = client("s3", aws).get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="housing/executions/")
    keys = [item["Key"] for page in pages for item in page["Contents"]]
    (prepared,) = [found.removesuffix("/key/key.json") for found in keys if found.endswith("/key/key.json")]
    (model,) = [found for found in keys if found.endswith("ensemble/model/model.tar.gz")]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setenv(name, value)
        request = step_training("pod", f"s3://{BUCKET}/{prepared}", ["trees"], Settings())
    manifest = yaml.safe_load(render(replace(request, image="registry/" + TRAIN)))
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    given = {item["name"]: item["value"] for item in container["env"] if "value" in item}
    said = pod(TRAIN, container["args"], aws | given)
    return said + pod(SERVE, ["python", "-m", "agent.fetch"], aws | {"HOUSING_MODEL_URI": f"s3://{BUCKET}/{model}"})


def pod(image: str, words: list[str], env: dict[str, str]) -> str:
    """Run a container as a pod's security context has it."""
    rights = ("--read-only", "--tmpfs", "/tmp", "--tmpfs", "/opt/ml:uid=10001,gid=10001,exec", "--user", "10001:10001", "--cap-drop", "ALL")
    variables = [word for name, value in (env | {"OMP_NUM_THREADS": "1"}).items() for word in ("--env", f"{name}={value}")]
    return docker("run", "--rm", "--network", "host", *rights, *variables, image, *words, timeout_seconds=300) + "\n"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    yield {sandbox: travel(sandbox, tmp_path_factory.mktemp(sandbox)) for sandbox in ("docker", "process")}


def test_containers_and_processes_forecast_the_same(both: dict[str, Outcome]) -> None:
    assert both["docker"].forecasts == both["process"].forecasts
    inside, outside = (json.loads(both[sandbox].prediction)["predictions"][0] for sandbox in ("docker", "process"))
    # The version is a hash over files, one of them a zip, which another patch release of Python writes with other header bytes.
    assert inside | {"model_version": ""} == outside | {"model_version": ""}
    assert len(both["docker"].forecasts.splitlines()) == 1 + 6 * 12


def test_a_pod_goes_on_with_what_sagemaker_has_trained_and_fetches_what_it_has_made(both: dict[str, Outcome]) -> None:
    assert "trees: " in both["docker"].pods and "trees: 0 checkpoint files restored" not in both["docker"].pods
    assert "resumed" in both["docker"].pods
    assert "model.tar.gz: in /opt/ml/model" in both["docker"].pods


def test_no_container_is_left(both: dict[str, Outcome]) -> None:
    assert docker("ps", "--all", "--quiet") == ""
