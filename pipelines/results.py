"""Brings the results of an execution to a folder: forecasts.csv, evaluation.json and report.html."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipelines import execution, shards, snapshot
from pipelines.atomic import write_text
from pipelines.aws import client, is_absent, split_uri
from pipelines.errors import ResultsError
from pipelines.snapshot import Snapshot, StepState
from pipelines.transform import Row, forecast_rows, to_csv

if TYPE_CHECKING:
    from pipelines.settings import Settings

MONTHS_PER_PERIOD = {"M": 1, "Q": 3}


@dataclass(frozen=True)
class Results:
    """What was written, and what a summary needs of it."""

    folder: Path
    rows: tuple[Row, ...]
    evaluation: dict[str, Any]


def fetch(folder: Path, settings: Settings, execution_arn: str | None = None) -> Results:
    """Write the results of an execution (the newest that succeeded, unless one is named) into `folder`.

    Each file is replaced whole. Errors: ResultsError when a step did not run, ExecutionError when no execution succeeded.
    """
    taken = snapshot.take(execution_arn or execution.newest(settings), settings)
    read = _reader(settings)
    evaluation_uri = _processing_output(_step(taken, "Evaluate", settings), "evaluation", settings)
    evaluation, report = read(f"{evaluation_uri}/evaluation.json"), read(f"{evaluation_uri}/report.html")
    prepared_uri = _processing_output(_step(taken, "Prepare", settings), "prepared", settings)
    frequency = json.loads(read(f"{prepared_uri}/panel.json"))["frequency"]
    answers = "".join(map(read, _answer_uris(_step(taken, "Forecast", settings), settings)))
    labelled = json.loads(read(f"{prepared_uri}/source.json"))["drawdown"]["regions"]
    rows = tuple(forecast_rows(answers.splitlines(), MONTHS_PER_PERIOD[frequency], labelled))
    write_text(evaluation, folder / "evaluation.json")
    write_text(report, folder / "report.html")
    write_text(to_csv(rows), folder / "forecasts.csv")
    return Results(folder, rows, json.loads(evaluation))


def requests_uri(settings: Settings) -> str:
    """The prefix of the requests for all known regions, of the newest execution that succeeded: the default input of `housing batch`."""
    taken = snapshot.take(execution.newest(settings), settings)
    return _processing_output(_step(taken, "Prepare", settings), "requests", settings) + "/"


def predictions(execution_arn: str, settings: Settings) -> Iterator[dict[str, Any]]:
    """What the execution's Forecast step answered for each known region, line by line, as `precomputed.publish` takes it.

    Errors: ResultsError when that step has no result (yet).
    """
    uris = _answer_uris(_step(snapshot.take(execution_arn, settings), "Forecast", settings), settings)
    s3 = client("s3", settings)
    return (prediction for uri in uris for line in shards.lines(s3, uri) for prediction in json.loads(line).get("predictions", []))


def prepared_uri(execution_arn: str, settings: Settings) -> str:
    """The prefix below which the execution's Prepare step wrote `prepared/` and `key/`; ResultsError when it has no result (yet)."""
    step = _step(snapshot.take(execution_arn, settings), "Prepare", settings)
    return _processing_output(step, "prepared", settings).removesuffix("/prepared")


def months_per_period(execution_arn: str, settings: Settings) -> int:
    """1 where the execution's panel is monthly, 3 where it is quarterly; ResultsError when its Prepare step has no result (yet)."""
    facts = json.loads(_reader(settings)(f"{prepared_uri(execution_arn, settings)}/prepared/panel.json"))
    return MONTHS_PER_PERIOD[facts["frequency"]]


def _step(taken: Snapshot, name: str, settings: Settings) -> StepState:
    """The step as it ran, in this execution or the one whose result was reused."""
    found = taken.step(name)
    step = snapshot.origin_of(found, settings) if found else None
    if step is None or step.status != "Succeeded" or not step.job_name:
        raise ResultsError(f"{name}: has no result in {taken.execution_arn.rpartition('/')[2]}; start the pipeline with `housing run`")
    return step


def _processing_output(step: StepState, name: str, settings: Settings) -> str:
    job = client("sagemaker", settings).describe_processing_job(ProcessingJobName=step.job_name)
    for output in job["ProcessingOutputConfig"]["Outputs"]:
        if output["OutputName"] == name:
            return str(output["S3Output"]["S3Uri"]).rstrip("/")
    raise ResultsError(f"{step.name}: has no output {name!r}; export and start the pipeline again with `housing run`")


def _answer_uris(step: StepState, settings: Settings) -> list[str]:
    """The files that batch transform made of the requests, one for each of theirs and in their order."""
    job = client("sagemaker", settings).describe_transform_job(TransformJobName=step.job_name)
    place = f"{job['TransformOutput']['S3OutputPath'].rstrip('/')}/requests"
    bucket, prefix = split_uri(place)
    pages = client("s3", settings).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = sorted(f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", []))
    if not found:
        raise ResultsError(f"{place}*: is gone; start the pipeline again with `housing run`")
    return found


def _reader(settings: Settings) -> Callable[[str], str]:
    s3 = client("s3", settings)

    def read(uri: str) -> str:
        bucket, key = split_uri(uri)
        try:
            text: str = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        except ClientError as error:
            if is_absent(error):
                raise ResultsError(f"{uri}: is gone; start the pipeline again with `housing run`") from error
            raise
        return text

    return read
