"""Forecasts for all requests in S3 at once: a batch transform job over shards, its answers joined to their requests in one table."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipelines import prices, shards, tidy
from pipelines.aws import client, is_absent, split_uri
from pipelines.encryption import volume_key
from pipelines.endpoint_config import model_request
from pipelines.errors import ResultsError
from pipelines.polling import pauses
from pipelines.registry import ModelPackage
from pipelines.results import MONTHS_PER_PERIOD
from pipelines.serving import Tier
from pipelines.settings import Settings
from pipelines.tags import tag_list

MAX_PAYLOAD_PRODUCT_MB = 100
TIMEOUT_SECONDS = 600
CONTENT_TYPE = "application/jsonlines"

Format = Literal["csv", "parquet"]


@dataclass(frozen=True)
class BatchRequest:
    """What to forecast.

    Attributes
    ----------
    input_uri : object or prefix of JSON Lines, one request of the contract per line.
    output_uri : prefix of the results.
    instances : machines at work; the input is cut into as many parts where it has fewer objects.
    months_per_period : 1 for a monthly model, 3 for a quarterly one.
    """

    input_uri: str
    output_uri: str
    instances: int = 1
    months_per_period: int = 1
    file_format: Format = "csv"


@dataclass(frozen=True)
class BatchResult:
    """What came of it: the job, the table, its rows, the requests that the model refused (errors.csv), seconds and money."""

    job_name: str
    table_uri: str
    rows: int
    refused: int
    seconds: float
    usd: float
    answer_uris: tuple[str, ...]


def months_per_period(package: ModelPackage, settings: Settings) -> int:
    """1 for a monthly model, 3 for a quarterly one, as its evaluation says; ResultsError when that is gone."""
    if not package.evaluation_uri:
        return 1
    bucket, key = split_uri(package.evaluation_uri)
    try:
        evaluation = json.loads(client("s3", settings).get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if is_absent(error):
            raise ResultsError(f"version {package.version}: {package.evaluation_uri} is gone; deploy a package that has it") from error
        raise
    return MONTHS_PER_PERIOD[evaluation.get("frequency", "M")]


def predictions(result: BatchResult, settings: Settings) -> Iterator[dict[str, Any]]:
    """The predictions in the answers of a job, as `precomputed.publish` takes them."""
    s3 = client("s3", settings)
    for uri in result.answer_uris:
        for line in shards.lines(s3, uri):
            yield from json.loads(line).get("predictions", [])


def batch(request: BatchRequest, package: ModelPackage, settings: Settings, say: Callable[[str], None] = lambda _: None) -> BatchResult:
    """Run the job and gather its answers under `output_uri`: `forecasts.csv` (or `.parquet`), and `errors.csv` when requests were refused.

    Errors: ResultsError for a wrong address, an empty input or a job that failed, with its reason.
    """
    require_fitting(request, settings)
    s3 = client("s3", settings)
    output = request.output_uri.rstrip("/")
    name = f"{settings.endpoint_name[:30]}-batch-{uuid.uuid4().hex[:12]}"
    found = shards.objects(s3, request.input_uri)
    parts = shards.spread(s3, found, request.instances, f"{output}/requests/{name}/")
    source = f"{output}/requests/{name}/" if parts != found else request.input_uri
    say(f"job {name}: {len(parts)} objects on {request.instances} x {settings.cpu_instance_type}")
    with _model(package, settings) as model_name:
        sagemaker = client("sagemaker", settings)
        sagemaker.create_transform_job(**transform_request(name, model_name, source, f"{output}/answers/{name}", request, settings))
        job = _finished(sagemaker, name)
    answers = tuple(f"{output}/answers/{name}/{_relative(part, source)}.out" for part in parts)
    rows, refused = _gather(s3, list(zip(parts, answers, strict=True)), request, output)
    seconds = (job["TransformEndTime"] - job["TransformStartTime"]).total_seconds()
    hourly = prices.load(settings.prices_file).sagemaker_usd_per_hour(settings.cpu_instance_type)
    table = f"{output}/forecasts.{request.file_format}"
    return BatchResult(name, table, rows, refused, seconds, seconds / 3600 * hourly * request.instances, answers)


def require_fitting(request: BatchRequest, settings: Settings) -> None:
    """ResultsError for what the service would refuse, before anything is made."""
    for field, uri in (("--input", request.input_uri), ("--output", request.output_uri)):
        if not uri.startswith("s3://") or not all(split_uri(uri)):
            raise ResultsError(f"{field} {uri}: is no address in S3; write s3://BUCKET/PREFIX")
    product = settings.batch_payload_mb * settings.batch_concurrency
    if product > MAX_PAYLOAD_PRODUCT_MB:
        limit = f"{product} MB in flight, the service allows {MAX_PAYLOAD_PRODUCT_MB}"
        raise ResultsError(f"HOUSING_BATCH_PAYLOAD_MB x HOUSING_BATCH_CONCURRENCY: {limit}; lower one")


def transform_request(  # noqa: PLR0917
    name: str, model_name: str, source: str, target: str, request: BatchRequest, settings: Settings
) -> dict[str, Any]:
    """CreateTransformJob: many lines per request, answers line by line in their order."""
    output = {"S3OutputPath": target, "Accept": CONTENT_TYPE, "AssembleWith": "Line"}
    machines: dict[str, Any] = {"InstanceType": settings.cpu_instance_type, "InstanceCount": request.instances}
    if settings.kms_key_id:
        output["KmsKeyId"] = settings.kms_key_id
    if volume_key(settings.cpu_instance_type, settings):
        machines["VolumeKmsKeyId"] = settings.kms_key_id
    return {
        "TransformJobName": name,
        "ModelName": model_name,
        "MaxConcurrentTransforms": settings.batch_concurrency,
        "MaxPayloadInMB": settings.batch_payload_mb,
        "BatchStrategy": "MultiRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": TIMEOUT_SECONDS, "InvocationsMaxRetries": settings.batch_retries},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": CONTENT_TYPE,
            "SplitType": "Line",
        },
        "TransformOutput": output,
        "TransformResources": machines,
        "Tags": tag_list(settings),
    }


@contextmanager
def _model(package: ModelPackage, settings: Settings) -> Iterator[str]:
    """The model of the job, removed after it."""
    gpu = prices.load(settings.prices_file).machine(settings.cpu_instance_type).gpus
    tier = Tier(f"{settings.endpoint_name}-batch", "batch", "gpu" if gpu else "cpu", settings.cpu_instance_type)
    request = model_request(package, tier, settings)
    request["ModelName"] = f"{request['ModelName']}-{uuid.uuid4().hex[:6]}"
    sagemaker = client("sagemaker", settings)
    sagemaker.create_model(**request)
    try:
        yield request["ModelName"]
    finally:
        sagemaker.delete_model(ModelName=request["ModelName"])


def _finished(sagemaker: Any, name: str) -> dict[str, Any]:
    """The job once it has completed; one that is given up on is stopped."""
    try:
        for pause in pauses():
            job: dict[str, Any] = sagemaker.describe_transform_job(TransformJobName=name)
            if job["TransformJobStatus"] not in {"InProgress", "Stopping"}:
                break
            time.sleep(pause)
    except KeyboardInterrupt:
        sagemaker.stop_transform_job(TransformJobName=name)
        raise
    if job["TransformJobStatus"] != "Completed":
        raise ResultsError(f"job {name}: {job['TransformJobStatus']}: {job.get('FailureReason', 'no reason given')}")
    return job


def _relative(part: str, source: str) -> str:
    """The name under which the service writes the answers of an object: its path below the source, or its own name."""
    return part.removeprefix(source) if source.endswith("/") else part.rpartition("/")[2]


def _gather(s3: Any, pairs: list[tuple[str, str]], request: BatchRequest, output: str) -> tuple[int, int]:
    """Join requests and answers, upload the table; returns rows and refused requests."""
    refused: list[tuple[str, str]] = []

    def rows() -> Iterator[tidy.Record]:
        for part, answers in pairs:
            for asked, answer in tidy.joined(shards.lines(s3, part), shards.lines(s3, answers), answers):
                if "error" in answer:
                    key = asked.get("id") or ",".join(str(item.get("item_id")) for item in asked.get("inputs", []))
                    refused.append((str(key), answer["error"].get("message", "")))
                yield from tidy.records(asked, answer, request.months_per_period)

    with TemporaryDirectory() as folder:
        table = Path(folder) / "forecasts.csv"
        count = tidy.write_csv(rows(), table)
        if request.file_format == "parquet" and count:
            tidy.to_parquet(table, table := table.with_suffix(".parquet"))
        _upload(s3, table, f"{output}/{table.name}")
        if refused:
            errors = Path(folder) / "errors.csv"
            tidy.write_csv(({"key": key, "message": message} for key, message in refused), errors)
            _upload(s3, errors, f"{output}/errors.csv")
    return count, len(refused)


def _upload(s3: Any, path: Path, uri: str) -> None:
    bucket, key = split_uri(uri)
    s3.upload_file(str(path), bucket, key)
