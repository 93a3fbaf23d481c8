"""The docker sandbox, through a `docker` command that runs containers as processes; and through Docker itself where it has the image.

DOCKER_TEST_IMAGE names an image that Docker has, with a shell; without it the last test is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from emulator import lifecycle
from emulator.lifecycle import StartError

FAKE = Path(__file__).parent / "fake_docker"
WORKSHOP = Path(__file__).parent / "workshop" / "bin"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the fake Docker, which is the `docker` on the PATH."""
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("mount namespaces are not permitted here")
    shelf = tmp_path / "shelf"
    (shelf / "containers").mkdir(parents=True)
    monkeypatch.setenv("FAKE_DOCKER", str(shelf))
    monkeypatch.setenv("PATH", f"{FAKE}:{os.environ['PATH']}")
    monkeypatch.setenv("EMULATOR_SANDBOX", "docker")
    monkeypatch.setenv("EMULATOR_DOCKER_OPTIONS", "--shm-size 1g")
    monkeypatch.setenv("EMULATOR_STOP_GRACE_SECONDS", "2")
    return shelf


@pytest.fixture
def shop(workshop: Any, shelf: Path, tmp_path: Path, start_emulator: Any) -> Iterator[Any]:
    """A workshop whose emulator runs its images in containers."""
    was_there = Path("/opt/ml").exists()
    Path("/opt/ml").mkdir(parents=True, exist_ok=True)
    shutil.copytree(WORKSHOP, shelf / "images" / workshop.image.replace("/", "_").replace(":", "_") / "bin")
    emulator = start_emulator(tmp_path / "home", workshop.home.with_suffix(".images.yaml"))
    shop = type(workshop)(emulator)
    shop.s3.create_bucket(Bucket=shop.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield shop
    lifecycle.down(emulator.home)
    if not was_there:
        Path("/opt/ml").rmdir()


def _run_calls(shelf: Path) -> list[list[str]]:
    return [words for line in (shelf / "calls").read_text().splitlines() if (words := json.loads(line))[0] == "run"]


def _values(words: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(words) if name == option]


def test_a_training_image_runs_with_its_command_its_variables_and_opt_ml(shop, shelf):
    described = shop.train("boxed", {"COLOUR": "blue green"}, EnableNetworkIsolation=True)
    assert described["TrainingJobStatus"] == "Completed", described
    (words,) = _run_calls(shelf)
    assert words[-2:] == [shop.image, "train"]
    assert {"COLOUR=blue green", "TRAINING_JOB_NAME=boxed", "SAGEMAKER_BASE_DIR=/opt/ml"} <= set(_values(words, "--env"))
    assert _values(words, "--volume")[0].endswith("/jobs/training/boxed/algo-1/opt/ml:/opt/ml")
    assert (_values(words, "--network"), _values(words, "--pull"), _values(words, "--shm-size")) == (["none"], ["never"], ["1g"])
    assert "--entrypoint" not in words
    assert not any(shelf.joinpath("containers").iterdir())


def test_several_hosts_have_names_and_a_processing_job_its_own_entrypoint(shop, shelf):
    script = "cp /opt/ml/config/resourceconfig.json /opt/ml/processing/out/$$"
    output = {"S3Uri": "s3://workshop/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    described = shop.process(
        "crew",
        script,
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5}},
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]},
    )
    assert described["ProcessingJobStatus"] == "Completed", described
    assert sorted(json.loads(shop.read(key))["current_host"] for key in shop.keys("out/")) == ["algo-1", "algo-2"]
    for words in _run_calls(shelf):
        assert _values(words, "--add-host") == ["algo-1:127.0.0.1", "algo-2:127.0.0.2"]
        assert (_values(words, "--entrypoint"), _values(words, "--network")) == (["sh"], ["host"])


def test_a_failing_container_gives_its_reason_and_its_exit_code(shop):
    described = shop.train("broken", {"ACTION": "fail"})
    assert described["FailureReason"] == "AlgorithmError: the data has no price column, exit code: 3"


def test_an_image_that_docker_does_not_have_is_named(shop):
    request = shop.training("absent")
    request["AlgorithmSpecification"]["TrainingImage"] = "registry/absent:1"
    shop.sagemaker.create_training_job(**request)
    assert "Docker has no image 'registry/absent:1'" in shop.trained("absent")["FailureReason"]


@pytest.mark.parametrize("action", ["wait", "stubborn"])
def test_a_stop_reaches_the_container_and_nothing_of_it_is_left(shop, shelf, action):
    shop.sagemaker.create_training_job(**shop.training("held", {"ACTION": action}))
    shop.until_printed("TrainingJobs", "held", "ready")
    shop.sagemaker.stop_training_job(TrainingJobName="held")
    assert shop.trained("held")["TrainingJobStatus"] == "Stopped"
    shop.until(lambda: not shop.processes("\0TRAINING_JOB_NAME=held\0"))
    assert not any(shelf.joinpath("containers").iterdir())


def test_a_killed_emulator_leaves_no_container(shop, shelf):
    shop.sagemaker.create_training_job(**shop.training("left", {"ACTION": "wait"}))
    shop.until_printed("TrainingJobs", "left", "ready")
    assert any(shelf.joinpath("containers").iterdir())
    os.kill(lifecycle.status(shop.home)["pid"], signal.SIGKILL)
    shop.until(lambda: not any(shelf.joinpath("containers").iterdir()))
    shop.until(lambda: not shop.processes("\0TRAINING_JOB_NAME=left\0"))


def test_without_docker_the_start_is_refused_in_one_line(shelf, tmp_path, start_emulator, monkeypatch):
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(StartError, match=r"Docker does not answer \(Cannot connect to the Docker daemon\): start it, or use process"):
        start_emulator(tmp_path / "home")


def test_docker_itself_trains_stops_and_leaves_nothing(workshop, tmp_path, start_emulator, monkeypatch):
    image = os.environ.get("DOCKER_TEST_IMAGE")
    if not image:
        pytest.skip("DOCKER_TEST_IMAGE names no image")
    monkeypatch.setenv("EMULATOR_SANDBOX", "docker")
    monkeypatch.setenv("EMULATOR_STOP_GRACE_SECONDS", "2")
    emulator = start_emulator(tmp_path / "home")
    shop = type(workshop)(emulator)
    try:
        shop.s3.create_bucket(Bucket=shop.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        specification = {"TrainingImage": image, "TrainingInputMode": "File", "ContainerEntrypoint": ["sh", "-c"]}
        for name, script in (("real", "cp -r /opt/ml/input /opt/ml/model/seen; getent hosts algo-1"), ("endless", "echo ready; sleep 300")):
            shop.sagemaker.create_training_job(
                **shop.training(name, AlgorithmSpecification=specification | {"ContainerArguments": [script]})
            )
        described = shop.trained("real")
        assert described["TrainingJobStatus"] == "Completed", described
        assert "127.0.0.1" in shop.log("TrainingJobs", "real")
        shop.until_printed("TrainingJobs", "endless", "ready")
        os.kill(lifecycle.status(shop.home)["pid"], signal.SIGKILL)
        shop.until(lambda: not subprocess.run(["docker", "ps", "-q"], capture_output=True, check=True).stdout)
    finally:
        lifecycle.down(emulator.home)
