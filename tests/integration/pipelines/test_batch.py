"""All requests in S3 at once: sharded, joined to their requests, and published for single reads."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from pipelines import batch as jobs
from pipelines import precomputed, registry
from pipelines.errors import ResultsError
from pipelines.settings import Settings

REGIONS = ("Town A", "Town B", "Town C", "Town D", "Town E", "Town F")
LEVELS = [0.1, 0.5, 0.9]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"bucket": "toys"})


@pytest.fixture
def package(aws: Any, settings: Settings, synthetic_road: Any) -> registry.ModelPackage:
    """The tiny real model, approved, with this project's own images."""
    aws.client("s3").put_object(Bucket="toys", Key=f"{settings.endpoint_name}/model.tar.gz", Body=synthetic_road.archive.read_bytes())
    container = {"Image": "registry/housing-crisis-ml:serve", "ModelDataUrl": f"s3://toys/{settings.endpoint_name}/model.tar.gz"}
    types = {"SupportedContentTypes": ["application/json"], "SupportedResponseMIMETypes": ["application/json"]}
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=settings.model_package_group)
    sagemaker.create_model_package(
        ModelPackageGroupName=settings.model_package_group,
        InferenceSpecification={"Containers": [container], **types},
        AdditionalInferenceSpecifications=[{"Name": "cpu", "Containers": [container], **types}],
        ModelApprovalStatus="Approved",
    )
    return registry.newest(settings, "Approved")


def put(aws: Any, key: str, *requests: dict[str, Any]) -> None:
    aws.client("s3").put_object(Bucket="toys", Key=key, Body="".join(json.dumps(one) + "\n" for one in requests).encode())


def known(region: str, **more: Any) -> dict[str, Any]:
    return {"inputs": [{"item_id": region}], "parameters": {"prediction_length": 3, "quantile_levels": LEVELS}, **more}


def rows_of(aws: Any, uri: str) -> list[dict[str, str]]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return list(csv.DictReader(io.StringIO(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())))


def test_one_input_is_cut_for_the_machines_and_comes_back_as_one_table_with_its_keys(
    aws: Any, settings: Settings, package: registry.ModelPackage
) -> None:
    place = f"{settings.endpoint_name}/sharded"
    put(aws, f"{place}/in.jsonl", *(known(region, id=f"key {region[-1]}") for region in REGIONS))
    result = jobs.batch(jobs.BatchRequest(f"s3://toys/{place}/in.jsonl", f"s3://toys/{place}/out/", instances=3), package, settings)

    assert (result.rows, result.refused, len(result.answer_uris)) == (18, 0, 3)
    rows = rows_of(aws, result.table_uri)
    assert [row["region"] for row in rows] == [region for region in REGIONS for _ in range(3)], "in the order of the input"
    assert {row["key"] for row in rows} == {f"key {region[-1]}" for region in REGIONS}
    assert [row["month"] for row in rows[:3]] == ["2015-01-01", "2015-02-01", "2015-03-01"]
    assert all(float(row["0.1"]) <= float(row["0.5"]) <= float(row["0.9"]) for row in rows)
    job = aws.client("sagemaker").describe_transform_job(TransformJobName=result.job_name)
    assert (job["TransformResources"]["InstanceCount"], job["MaxPayloadInMB"], job["BatchStrategy"]) == (3, 6, "MultiRecord")
    assert aws.client("sagemaker").list_models(NameContains=settings.endpoint_name)["Models"] == [], "the job's model is gone"
    assert result.usd == pytest.approx(result.seconds / 3600 * 0.23 * 3)


def test_a_refused_request_is_told_apart_and_the_others_are_answered(aws: Any, settings: Settings, package: registry.ModelPackage) -> None:
    place = f"{settings.endpoint_name}/refused"
    put(aws, f"{place}/in.jsonl", known("Town A"), known("Atlantis"), known("Town B"))
    result = jobs.batch(jobs.BatchRequest(f"s3://toys/{place}/in.jsonl", f"s3://toys/{place}/out"), package, settings)

    assert (result.rows, result.refused) == (6, 1)
    (error,) = rows_of(aws, f"s3://toys/{place}/out/errors.csv")
    assert (error["key"], "Atlantis" in error["message"]) == ("Atlantis", True)


def test_the_table_is_parquet_when_asked(
    aws: Any, settings: Settings, package: registry.ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    place = f"{settings.endpoint_name}/parquet"
    put(aws, f"{place}/in.jsonl", *map(known, REGIONS))
    request = jobs.BatchRequest(f"s3://toys/{place}/in.jsonl", f"s3://toys/{place}/out", file_format="parquet")
    result = jobs.batch(request, package, settings)
    aws.client("s3").download_file("toys", result.table_uri.removeprefix("s3://toys/"), str(tmp_path / "table.parquet"))
    table = parquet.read_table(tmp_path / "table.parquet")
    assert (table.num_rows, str(table.schema.field("0.5").type), str(table.schema.field("key").type)) == (18, "double", "string")

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ResultsError, match="--format parquet: needs pyarrow"):
        jobs.batch(request, package, settings)


def test_the_command_publishes_one_small_object_per_region_and_switches_whole(
    aws: Any, settings: Settings, package: registry.ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pipeline_name", "model_package_group", "endpoint_name", "bucket"):
        monkeypatch.setenv(f"HOUSING_{name.upper()}", getattr(settings, name))
    place = f"{settings.endpoint_name}/published"
    put(aws, f"{place}/in.jsonl", *map(known, REGIONS))
    words = ["batch", "--input", f"s3://toys/{place}/in.jsonl", "--output", f"s3://toys/{place}/out", "--publish", "--yes", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["rows"], said["precomputed"]["regions"]) == (18, 6)

    prediction = precomputed.read("Town B", settings)
    assert prediction is not None
    assert (prediction["item_id"], len(prediction["0.5"])) == ("Town B", 3)
    assert precomputed.read("Atlantis", settings) is None
    first = precomputed.current(settings)
    for number in range(3):
        precomputed.publish([{"item_id": "a/b c", "0.5": [number], "model_version": "v"}], settings)
    assert (precomputed.read("a/b c", settings) or {})["0.5"] == [2]
    kept = aws.client("s3").list_objects_v2(Bucket="toys", Prefix="housing/precomputed/")["Contents"]
    assert len(kept) == 3, "the pointer, the table in force and the one before it"
    assert first is not None
    assert precomputed.delete(settings) is True
    assert precomputed.current(settings) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("/local/file", "s3://toys/out"), "--input /local/file: is no address in S3"),
        (("s3://toys/in", "s3://toys"), "--output s3://toys: is no address in S3"),
        (("s3://toys/nothing-here/", "s3://toys/out"), "holds no objects; give an object or a prefix of JSON Lines"),
    ],
)
def test_a_wrong_address_is_refused_before_a_job_is_made(
    settings: Settings, package: registry.ModelPackage, words: tuple[str, str], message: str
) -> None:
    with pytest.raises(ResultsError, match=message):
        jobs.batch(jobs.BatchRequest(*words), package, settings)


def test_more_in_flight_than_the_service_takes_is_refused(settings: Settings) -> None:
    with pytest.raises(ResultsError, match="120 MB in flight, the service allows 100"):
        jobs.require_fitting(jobs.BatchRequest("s3://a/b", "s3://a/c"), settings.model_copy(update={"batch_payload_mb": 60}))


def test_a_region_twice_is_no_table(settings: Settings) -> None:
    with pytest.raises(ResultsError, match="region x: occurs twice"):
        precomputed.publish([{"item_id": "x"}, {"item_id": "x"}], settings)
    with pytest.raises(ResultsError, match="there are no forecasts to publish"):
        precomputed.publish([], settings)


def test_answers_that_are_not_those_of_the_requests_are_refused(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, package: registry.ModelPackage, aws: Any
) -> None:
    place = f"{settings.endpoint_name}/mixed"
    put(aws, f"{place}/in.jsonl", known("Town A"), known("Town B"))
    finished: Callable[..., Any] = jobs._finished

    def spoiled(sagemaker: Any, name: str) -> Any:
        job = finished(sagemaker, name)
        put(aws, f"{place}/out/answers/{name}/in.jsonl.out", {"predictions": [{"item_id": "Town B"}]})
        return job

    monkeypatch.setattr(jobs, "_finished", spoiled)
    with pytest.raises(ResultsError, match="run the job again"):
        jobs.batch(jobs.BatchRequest(f"s3://toys/{place}/in.jsonl", f"s3://toys/{place}/out"), package, settings)
