"""A training that one backend has begun and lost is finished by the other, and its model is the one that an undisturbed training makes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipelines.eks.job import JobRequest, Step, render
from pipelines.eks.train_steps import checkpoint_name
from tests.conftest import TEST_IMAGE, Road
from tests.integration.parity.conftest import BUCKET, IMAGE, ROOT

SLOW = {"members": "neural", "seed": "1", "steps": "60", "rows": "400", "networks": "1", "hidden": "8", "batch": "64"}
OFTEN = {"HOUSING_CHECKPOINT_SECONDS": "0.1"}
LIMIT_SECONDS = 120


def wait_for(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {item.name.removeprefix("./"): tar.extractfile(item).read() for item in tar if item.isfile()}  # type: ignore[union-attr]


class Bench:
    """One training, on either backend: the same data, hyperparameters and checkpoints."""

    def __init__(self, cloud: Any, prepared: Path, folder: Path, name: str) -> None:
        self.cloud, self.folder, self.name = cloud, folder, name
        self.s3, self.sagemaker = cloud.client("s3"), cloud.client("sagemaker")
        self.hyperparameters = {**SLOW, "seed": str(len(name))}
        self.checkpoints = checkpoint_name("neural", IMAGE, self.hyperparameters)
        for part in ("prepared", "key"):
            for path in (prepared.parent / part).iterdir():
                self.s3.put_object(Bucket=BUCKET, Key=f"prepare/{part}/{path.name}", Body=path.read_bytes())
        self.key = json.loads((prepared.parent / "key" / "key.json").read_text())["content_key"]

    def on_sagemaker(self, job: str, checkpoints: bool = True) -> None:
        """Start a managed Spot training job as the pipeline's Train step has it."""
        channel = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/prepare/prepared/"}
        where = {"S3Uri": f"s3://{BUCKET}/checkpoints/{self.key}/{self.checkpoints}/", "LocalPath": "/opt/ml/checkpoints"}
        self.sagemaker.create_training_job(
            TrainingJobName=job,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            RoleArn="arn:aws:iam::123456789012:role/x",
            InputDataConfig=[{"ChannelName": "panel", "DataSource": {"S3DataSource": channel}}],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/sagemaker"},
            ResourceConfig={"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200},
            EnableManagedSpotTraining=True,
            HyperParameters=self.hyperparameters,
            Environment=OFTEN,
            **({"CheckpointConfig": where} if checkpoints else {}),
        )

    def status(self, job: str) -> str:
        return str(self.sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"])

    def log(self, job: str) -> str:
        path = self.cloud.home / "logs" / "TrainingJobs" / job / "algo-1.log"
        return path.read_text(errors="replace") if path.is_file() else ""

    def pod(self, job: str) -> subprocess.Popen[str]:
        """Start the container of the Job that `housing eks submit` would create, with exactly the environment of its manifest."""
        step = Step("neural", self.hyperparameters, self.checkpoints)
        request = JobRequest(
            job, IMAGE, "eu-west-1", [step], f"s3://{BUCKET}/checkpoints", f"s3://{BUCKET}/eks/{job}", prepared_uri=f"s3://{BUCKET}/prepare"
        )
        (container,) = yaml.safe_load(render(request))["spec"]["template"]["spec"]["containers"]
        words = [*container.get("command", []), *container.get("args", [])]
        assert words == ["python", "-m", "agent.train"]
        given = {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}
        machine = {"SAGEMAKER_BASE_DIR": str(self.folder / job), "HOUSING_IMAGE_DIGEST": TEST_IMAGE, "OMP_NUM_THREADS": "1"}
        env = {**os.environ, **self.cloud.env, **given, **machine, **OFTEN, "AWS_REGION": "eu-west-1"}
        return subprocess.Popen(
            [sys.executable, *words[1:]], env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def kept(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"checkpoints/{self.key}/{self.checkpoints}/")
        return [item["Key"] for item in listed.get("Contents", [])]

    def model(self, key: str) -> dict[str, bytes]:
        return files(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def undisturbed(self) -> dict[str, bytes]:
        """The model of a training that nothing happens to."""
        job = f"{self.name}-whole"
        self.on_sagemaker(job, checkpoints=False)
        wait_for(lambda: self.status(job) != "InProgress", "the undisturbed training did not end")
        assert self.status(job) == "Completed", self.log(job)
        return self.model(f"sagemaker/{job}/output/model.tar.gz")


def test_a_pod_finishes_what_a_spot_job_has_begun(aws: Any, synthetic_road: Road, tmp_path: Path) -> None:
    bench = Bench(aws, synthetic_road.prepared, tmp_path, "to-eks")
    bench.on_sagemaker("to-eks-lost")
    wait_for(lambda: "origins up to" in bench.log("to-eks-lost") or bench.status("to-eks-lost") != "InProgress", "no origin was finished")
    bench.sagemaker.stop_training_job(TrainingJobName="to-eks-lost")
    wait_for(lambda: bench.status("to-eks-lost") not in ("InProgress", "Stopping"), "the job did not end")
    assert bench.status("to-eks-lost") == "Stopped", bench.log("to-eks-lost")
    assert bench.kept()
    with bench.pod("to-eks") as pod:
        said, _ = pod.communicate(timeout=LIMIT_SECONDS)
    assert pod.returncode == 0, said
    assert "resumed" in said
    assert bench.model("eks/to-eks/neural/output/model.tar.gz") == bench.undisturbed()


def test_a_spot_job_finishes_what_a_pod_has_begun(aws: Any, synthetic_road: Road, tmp_path: Path) -> None:
    bench = Bench(aws, synthetic_road.prepared, tmp_path, "from-eks")
    with bench.pod("from-eks") as pod:
        assert pod.stdout is not None
        assert any("origins up to" in line for line in pod.stdout)
        pod.terminate()
        said, _ = pod.communicate(timeout=LIMIT_SECONDS)
    assert pod.returncode == 143, said
    assert bench.kept()
    bench.on_sagemaker("from-eks-resumed")
    wait_for(lambda: bench.status("from-eks-resumed") != "InProgress", "the resumed training did not end")
    assert bench.status("from-eks-resumed") == "Completed", bench.log("from-eks-resumed")
    assert "resumed" in bench.log("from-eks-resumed")
    assert bench.model("sagemaker/from-eks-resumed/output/model.tar.gz") == bench.undisturbed()
