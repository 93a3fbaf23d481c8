"""Ingest and Prepare of this project as processing jobs of the emulator, as the pipeline asks for them with so many hosts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.train_jobs import BUCKET, ENDED, LIMIT_SECONDS, TrainJobs
from pipelines.definition.build import build_definition
from pipelines.settings import Settings


@dataclass(frozen=True)
class Prepared:
    """What Prepare wrote, by output and file, and the log of its hosts."""

    files: Mapping[str, Mapping[str, bytes]]
    log: str

    def lay(self, output: str, folder: Path) -> Path:
        """The files of an output in a folder."""
        folder.mkdir(parents=True)
        for name, content in self.files[output].items():
            (folder / name).write_bytes(content)
        return folder


def prepare(jobs: TrainJobs, source: Path, hosts: int, *, horizon: int = 6, origins: int = 2) -> Prepared:
    """Run Ingest and Prepare on a source folder; AssertionError with the job's reason when one fails."""
    for path in source.iterdir():
        jobs.s3.put_object(Bucket=BUCKET, Key=f"source/{path.name}", Body=path.read_bytes())
    steps = {step["Name"]: step for step in build_definition(Settings(prepare_hosts=hosts))["Steps"]}
    place = f"s3://{BUCKET}/prepare-{hosts}"
    _run(jobs, steps["Ingest"]["Arguments"], f"ingest-{hosts}", place, [])
    words = ["--horizon", str(horizon), "--origins", str(origins)]
    _run(jobs, steps["Prepare"]["Arguments"], f"prepare-{hosts}", place, words)
    logs = sorted((jobs.home / "logs" / "ProcessingJobs" / f"prepare-{hosts}").glob("*.log"))
    files = {name: _files(jobs, f"prepare-{hosts}/{name}/") for name in ("prepared", "requests", "key")}
    return Prepared(files, "\n".join(path.read_text(errors="replace") for path in logs))


def _run(jobs: TrainJobs, arguments: Mapping[str, Any], name: str, place: str, words: list[str]) -> None:
    """The job of a step, its addresses and parameters put in as an execution does."""
    request: dict[str, Any] = json.loads(json.dumps(arguments))
    request["ProcessingJobName"] = name
    request["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.m5.xlarge"
    if words:
        request["AppSpecification"]["ContainerArguments"] = words
    for item in request["ProcessingInputs"]:
        where = f"s3://{BUCKET}/source" if item["InputName"] == "source" else f"{place}/{item['InputName']}"
        item["S3Input"]["S3Uri"] = where
    for item in request["ProcessingOutputConfig"]["Outputs"]:
        item["S3Output"]["S3Uri"] = f"{place}/{item['OutputName']}"
    jobs.sagemaker.create_processing_job(**request)
    until = time.monotonic() + LIMIT_SECONDS
    while (described := jobs.sagemaker.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] not in ENDED:
        if time.monotonic() > until:
            raise TimeoutError(f"{name}: has not ended after {LIMIT_SECONDS} s")
        time.sleep(0.05)
    assert described["ProcessingJobStatus"] == "Completed", described.get("ExitMessage") or described.get("FailureReason")


def _files(jobs: TrainJobs, prefix: str) -> dict[str, bytes]:
    pages = jobs.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {key.removeprefix(prefix): jobs.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}
