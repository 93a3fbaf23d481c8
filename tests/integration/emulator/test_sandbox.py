"""The mount sandbox: a job's files at /opt/ml itself, its hosts by name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import lifecycle
from emulator.context import Context
from emulator.images import Image, Images
from emulator.sandbox import Container, SandboxError, check_sandbox, command_of
from emulator.store import Store


@pytest.fixture
def mounted(workshop: Any, tmp_path: Any, start_emulator: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A workshop whose emulator has the mount sandbox."""
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("mount namespaces are not permitted here")
    was_there = Path("/opt/ml").exists()
    monkeypatch.setenv("EMULATOR_SANDBOX", "mount")
    emulator = start_emulator(tmp_path / "home", workshop.home.with_suffix(".images.yaml"))
    shop = type(workshop)(emulator)
    shop.s3.create_bucket(Bucket=shop.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield shop
    lifecycle.down(emulator.home)
    if not was_there:
        Path("/opt/ml").rmdir()


def test_files_are_at_opt_ml_and_hosts_have_names(mounted):
    script = "cp /opt/ml/config/resourceconfig.json /opt/ml/processing/out/$(hostname -i 2>/dev/null | wc -c)-$$; getent hosts algo-2"
    output = {"S3Uri": "s3://workshop/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    described = mounted.process(
        "mounted",
        script,
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5}},
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]},
    )
    assert described["ProcessingJobStatus"] == "Completed", described
    configs = [json.loads(mounted.read(key)) for key in mounted.keys("out/")]
    assert sorted(config["current_host"] for config in configs) == ["algo-1", "algo-2"]
    assert {tuple(config["hosts"]) for config in configs} == {("algo-1", "algo-2")}
    for host in ("algo-1", "algo-2"):
        assert mounted.log("ProcessingJobs", "mounted", host).split() == ["127.0.0.2", "algo-2"]


def test_a_job_in_the_mount_sandbox_can_be_stopped(mounted):
    mounted.sagemaker.create_training_job(**mounted.training("held", {"ACTION": "wait"}))
    mounted.until_printed("TrainingJobs", "held", "ready")
    mounted.sagemaker.stop_training_job(TrainingJobName="held")
    assert mounted.trained("held")["TrainingJobStatus"] == "Stopped"
    assert mounted.processes("TRAINING_JOB_NAME=held") == []


def test_an_unknown_sandbox_is_refused_at_the_start(tmp_path):
    context = Context(Store(tmp_path / "r"), tmp_path, "eu-west-1", "1" * 12, "http://127.0.0.1:1", Images([]), sandbox="jail")
    with pytest.raises(SandboxError, match="must be process, mount, docker, not 'jail'"):
        check_sandbox(context)


def test_in_the_process_sandbox_paths_of_the_contract_are_moved(tmp_path):
    images = Images([Image("*", tmp_path)])
    context = Context(Store(tmp_path / "r"), tmp_path, "eu-west-1", "1" * 12, "http://127.0.0.1:1", images, sandbox="process")
    root = tmp_path / "job" / "opt/ml"
    command = command_of(context, Container("any", ["sh", "/opt/ml/code/x.sh", "/opt/mlx"], {"A": "1"}, root, tmp_path / "log"))
    assert list(command.words)[1:] == [str(root / "code/x.sh"), "/opt/mlx"]
    assert (command.env["SAGEMAKER_BASE_DIR"], command.env["A"]) == (str(root), "1")
