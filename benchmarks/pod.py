"""What a pod's agent costs: the CPU of a training inside `python -m agent.train` against the bare `train` on the same folder.

One run after the other, alternating, each in a fresh process and folder; S3 is the emulator's. The model is the same bytes, or the run
fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.record import cpu_seconds, recording
from benchmarks.train_jobs import BUCKET, ROOT, TrainJobs, prepared, train_jobs

BOOSTER = {"members": "xgboost", "seed": "1", "rounds": "20", "rows": "2000"}
ROUNDS = 3


def measured(command: list[str], env: dict[str, str]) -> float:
    """CPU seconds of a command and what it started."""
    before = cpu_seconds(children=True)
    subprocess.run(command, env={**os.environ, **env}, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return cpu_seconds(children=True) - before


def bare(folder: Path, data: Path, env: dict[str, str]) -> tuple[float, dict[str, bytes]]:
    """The job alone: its CPU seconds and its model."""
    (folder / "input" / "config").mkdir(parents=True)
    (folder / "input" / "data").mkdir()
    (folder / "input" / "data" / "panel").symlink_to(data)
    (folder / "input" / "config" / "hyperparameters.json").write_text(json.dumps(BOOSTER))
    seconds = measured([sys.executable, "-m", "training.train"], env | {"SAGEMAKER_BASE_DIR": str(folder)})
    model = folder / "model"
    return seconds, {path.relative_to(model).as_posix(): path.read_bytes() for path in model.rglob("*") if path.is_file()}


def in_a_pod(folder: Path, name: str, env: dict[str, str]) -> tuple[float, dict[str, bytes]]:
    """The same inside the agent, with its inputs from S3 and its model and checkpoints there."""
    job = {
        "TRAINING_JOB_NAME": name,
        "HOUSING_JOB_PREPARED_URI": f"s3://{BUCKET}/prepare",
        "HOUSING_JOB_CHECKPOINTS_URI": f"s3://{BUCKET}/{name}/checkpoints",
        "HOUSING_JOB_OUTPUT_URI": f"s3://{BUCKET}/{name}",
        "HOUSING_JOB_STEPS": json.dumps([{"name": "xgboost", "checkpoints": "x", "hyperparameters": BOOSTER}]),
        "SAGEMAKER_BASE_DIR": str(folder),
    }
    seconds = measured([sys.executable, "-m", "agent.train"], env | job)
    with tarfile.open(folder / "steps" / "xgboost" / "model.tar.gz") as tar:
        return seconds, {item.name: tar.extractfile(item).read() for item in tar if item.isfile()}  # type: ignore[union-attr]


def upload(jobs: TrainJobs, data: Path) -> None:
    """What a Prepare step would have written."""
    for path in data.iterdir():
        jobs.s3.put_object(Bucket=BUCKET, Key=f"prepare/prepared/{path.name}", Body=path.read_bytes())
    jobs.s3.put_object(Bucket=BUCKET, Key="prepare/key/key.json", Body=json.dumps({"content_key": "k"}).encode())


def main() -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as temporary, recording("pod") as record:
        folder = Path(temporary)
        with train_jobs(folder) as jobs:
            data = prepared(folder / "data", regions=20, periods=120, scored=3)
            upload(jobs, data)
            env = {"OMP_NUM_THREADS": "1", "HOUSING_IMAGE_DIGEST": "sha256:benchmark", "AWS_ENDPOINT_URL": jobs.s3.meta.endpoint_url}
            env |= {"AWS_ACCESS_KEY_ID": "train", "AWS_SECRET_ACCESS_KEY": "train", "AWS_REGION": "eu-west-1"}
            pairs = []
            for number in range(ROUNDS):
                alone, model = bare(folder / f"bare-{number}", data, env)
                podded, same = in_a_pod(folder / f"pod-{number}", f"pod-{number}", env)
                assert model == same
                pairs.append((podded, alone))
        podded, alone = (median(values) for values in zip(*pairs, strict=True))
        note = f"xgboost on 20 regions, a busy machine, medians of {ROUNDS}; {podded - alone:+.2f} s: boto3, copies in and out, one archive"
        record.add("a training in a pod / bare", podded, alone, "CPU s", note)


if __name__ == "__main__":
    main()
