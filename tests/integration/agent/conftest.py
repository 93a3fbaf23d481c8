"""A pod's two commands as processes, with the emulator's S3 as theirs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
BUCKET = "pods"
LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Bucket:
    """The bucket of these tests."""

    s3: Any

    def put_folder(self, folder: Path, prefix: str) -> str:
        for path in folder.rglob("*"):
            if path.is_file():
                self.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{path.relative_to(folder).as_posix()}", Body=path.read_bytes())
        return f"s3://{BUCKET}/{prefix}"

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body


@pytest.fixture(scope="session")
def bucket(emulator: Any) -> Bucket:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return Bucket(s3)


@dataclass
class Pod:
    """One pod: its process and its log."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def end(self, within: float = LIMIT_SECONDS) -> int:
        return self.process.wait(within)

    def told_to_end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.end()


@pytest.fixture
def pod(emulator_env: dict[str, str], bucket: Bucket, tmp_path: Path) -> Iterator[Callable[..., Pod]]:
    """Starts `python -m agent.NAME` with /opt/ml in a fresh folder."""
    started: list[Pod] = []

    def start(command: str = "train", base: str = "", **environment: str) -> Pod:
        number = len(started)
        usual = {"OMP_NUM_THREADS": "1", "HOUSING_IMAGE_DIGEST": "sha256:test", "PYTHONUNBUFFERED": "1"}
        env = {**os.environ, **emulator_env, **usual, "SAGEMAKER_BASE_DIR": str(tmp_path / (base or f"pod-{number}")), **environment}
        log = tmp_path / f"pod-{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen([sys.executable, "-m", f"agent.{command}"], cwd=ROOT, env=env, stdout=output, stderr=output)
        started.append(Pod(process, log))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def job(bucket: Bucket) -> Callable[..., dict[str, str]]:
    """The environment of a training that the template would give."""

    def make(name: str, steps: dict[str, dict[str, str]], **more: str) -> dict[str, str]:
        listed = [{"name": step, "checkpoints": f"{step}-{name}", "hyperparameters": given} for step, given in steps.items()]
        return {
            "TRAINING_JOB_NAME": name,
            "HOUSING_JOB_CHECKPOINTS_URI": f"s3://{BUCKET}/checkpoints",
            "HOUSING_JOB_OUTPUT_URI": f"s3://{BUCKET}/trained/{name}",
            "HOUSING_JOB_STEPS": json.dumps(listed),
            **more,
        }

    return make


def wait_for(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)
