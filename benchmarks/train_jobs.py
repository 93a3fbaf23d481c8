"""Training jobs of this project on an emulator of their own, for benchmarks and tests: a prepared panel in, models out."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np

from emulator import lifecycle
from housing.panel import Panel
from training.plan import Plan

ROOT = Path(__file__).parents[1]
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/housing-crisis-ml:train"
ROLE = "arn:aws:iam::123456789012:role/housing-sagemaker"
BUCKET = "training"
LIMIT_SECONDS = 300
ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Finished:
    """A training job that has ended: its description, its log, and the files of its model."""

    described: dict[str, Any]
    log: str
    files: dict[str, bytes]


@dataclass(frozen=True)
class TrainJobs:
    """An emulator whose training image is this checkout."""

    home: Path
    sagemaker: Any
    s3: Any

    def upload(self, prepared: Path, name: str = "prepared") -> str:
        """The output of Prepare as a channel."""
        for path in prepared.iterdir():
            self.s3.put_object(Bucket=BUCKET, Key=f"{name}/{path.name}", Body=path.read_bytes())
        return f"s3://{BUCKET}/{name}/"

    def start(self, name: str, hyperparameters: Mapping[str, str], *, spot: bool = False, hosts: int = 1, **env: str) -> None:
        """Begin a training job; its checkpoints lie under its hyperparameters, as in the pipeline."""
        key = "-".join(f"{key}.{value}" for key, value in sorted(hyperparameters.items()))
        waits = {"MaxWaitTimeInSeconds": 86_400} if spot else {}
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            RoleArn=ROLE,
            InputDataConfig=[
                {"ChannelName": "panel", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/prepared/"}}}
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/trained"},
            ResourceConfig={"InstanceType": "ml.g5.2xlarge", "InstanceCount": hosts, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 3600, **waits},
            EnableManagedSpotTraining=spot,
            CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/{env.pop('checkpoints', key)}"},
            HyperParameters=dict(hyperparameters),
            Environment=env,
        )

    def describe(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return described

    def finish(self, name: str) -> Finished:
        """Wait for the end of a job."""
        until = time.monotonic() + LIMIT_SECONDS
        while (described := self.describe(name))["TrainingJobStatus"] not in ENDED:
            if time.monotonic() > until:
                raise TimeoutError(f"{name}: still {described['SecondaryStatus']} after {LIMIT_SECONDS} s")
            time.sleep(0.05)
        logs = sorted((self.home / "logs" / "TrainingJobs" / name).glob("*.log"))
        text = "\n".join(path.read_text(errors="replace") for path in logs)
        completed = described["TrainingJobStatus"] == "Completed"
        return Finished(described, text, self._model(described) if completed else {})

    def _model(self, described: Mapping[str, Any]) -> dict[str, bytes]:
        bucket, _, key = described["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            return {item.name.removeprefix("./"): tar.extractfile(item).read() for item in tar if item.isfile()}  # type: ignore[union-attr]


@contextmanager
def train_jobs(folder: Path, **env: str) -> Iterator[TrainJobs]:
    """An emulator in `folder`, whose jobs get `env`; it is stopped at the end."""
    images = folder / "images.yaml"
    usual = {"OMP_NUM_THREADS": "1", "HOUSING_IMAGE_DIGEST": "sha256:benchmark", "PYTHONUNBUFFERED": "1"}
    entry = {"match": "*", "folder": str(ROOT), "path": [str(Path(sys.executable).parent)], "env": usual | env}
    images.write_text(json.dumps({"images": [entry]}))
    before = {name: os.environ.get(name) for name in ("EMULATOR_WAIT_SCALE", "EMULATOR_STOP_GRACE_SECONDS")}
    os.environ |= {"EMULATOR_WAIT_SCALE": "0", "EMULATOR_STOP_GRACE_SECONDS": "30"}
    home = folder / "home"
    try:
        running = lifecycle.up(home, port=0, images=images, region="eu-west-1")
        keys = {"aws_access_key_id": "train", "aws_secret_access_key": "train", "region_name": "eu-west-1"}
        sagemaker, s3 = (boto3.client(service, endpoint_url=running.url, **keys) for service in ("sagemaker", "s3"))
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield TrainJobs(home, sagemaker, s3)
    finally:
        lifecycle.down(home)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def prepared(folder: Path, regions: int = 6, periods: int = 120, scored: int = 4) -> Path:
    """What a Train job reads, for a made-up panel: prices with trend, season, noise and a slump, and a plan of a few scored origins."""
    draw = np.random.default_rng(3)
    steps = 0.004 + 0.012 * draw.standard_normal((regions, periods))
    steps[:, periods // 2 : periods // 2 + 12] -= 0.03
    season = 0.03 * np.sin(2 * np.pi * np.arange(periods) / 12)
    price = np.exp(11 + 0.1 * draw.standard_normal((regions, 1)) + np.cumsum(steps, axis=1) + season)
    dates = np.datetime64("2005-01", "M") + np.arange(periods)
    panel = Panel(tuple(f"Town {index:05d}" for index in range(regions)), dates, "M", price)
    panel.save(folder)
    Plan.make(panel, 6, scored).save(folder)
    return folder
