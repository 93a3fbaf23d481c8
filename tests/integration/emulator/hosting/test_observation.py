"""What is measured, captured and mirrored of invocations; serverless variants."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator import lifecycle

BUCKET = "observed"


def eventually(read: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true value of `read`, or the last."""
    until = time.monotonic() + seconds
    while not (value := read()) and time.monotonic() < until:
        time.sleep(0.1)
    return value


@pytest.fixture(scope="module")
def bucket(emulator):
    emulator.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return BUCKET


def _sums(emulator, endpoint: str, variant: str, names: list[str]) -> dict[str, float]:
    """The sum of each metric of a variant over the last minutes."""
    now = datetime.now(UTC)
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    window = {"StartTime": now - timedelta(minutes=10), "EndTime": now + timedelta(minutes=1), "Period": 3600, "Statistics": ["Sum"]}
    cloudwatch = emulator.client("cloudwatch")
    found = {}
    for name in names:
        answer = cloudwatch.get_metric_statistics(Namespace="AWS/SageMaker", MetricName=name, Dimensions=dimensions, **window)
        found[name] = sum(point["Sum"] for point in answer["Datapoints"])
    return found


def test_invocations_are_counted_in_cloudwatch_with_latency_in_microseconds(hosting, emulator):
    hosting.model("measured")
    hosting.endpoint("measured", hosting.config("measured", measured=1.0))
    for wish in ({"sleep": 0.05}, {"sleep": 0.05}, {"status": 404, "message": "a"}, {"status": 503, "message": "b"}):
        try:
            hosting.invoke("measured", wish)
        except hosting.runtime.exceptions.ModelError as error:
            assert wish["status"] == error.response["OriginalStatusCode"]
    names = ["Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors", "ModelLatency", "OverheadLatency"]

    def four() -> dict[str, float] | None:
        sums = _sums(emulator, "measured", "measured", names)
        return sums if sums["Invocations"] == 4 else None

    sums = eventually(four)
    assert [sums[name] for name in names[:4]] == [4, 1, 1, 2]
    assert 100_000 <= sums["ModelLatency"] <= 10_000_000
    assert sums["OverheadLatency"] < sums["ModelLatency"]
    hosting.delete("measured")


def test_exchanges_are_captured_as_json_lines(hosting, emulator, bucket):
    hosting.model("captured")
    options = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": f"s3://{bucket}/capture",
        "CaptureOptions": options,
    }
    config = hosting.config("captured", {"DataCaptureConfig": capture}, captured=1.0)
    described = hosting.sagemaker.describe_endpoint(EndpointName=hosting.endpoint("captured", config))
    assert described["DataCaptureConfig"]["CaptureStatus"] == "Started"
    for number in range(6):
        hosting.invoke("captured", {"number": number}, InferenceId=f"id-{number}", CustomAttributes="a=b")

    s3 = emulator.client("s3")
    listed = eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="capture/captured/captured/").get("Contents"))
    lines = [json.loads(line) for item in listed for line in s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().splitlines()]
    assert [json.loads(line["captureData"]["endpointInput"]["data"])["number"] for line in lines] == [1, 3, 5]
    sent, got = lines[0]["captureData"]["endpointInput"], lines[0]["captureData"]["endpointOutput"]
    assert (sent["observedContentType"], sent["mode"], sent["encoding"]) == ("application/json", "INPUT", "JSON")
    assert json.loads(got["data"])["name"] == "captured"
    metadata = lines[0]["eventMetadata"]
    assert (metadata["inferenceId"], metadata["customAttributes"], lines[0]["eventVersion"]) == ("id-1", ["a=b"], "0")
    hosting.delete("captured")


def test_a_shadow_gets_copies_and_its_answers_are_thrown_away(hosting, emulator):
    hosting.model("shown")
    hosting.model("shadow", TOY_PING="200")
    shadow = {
        "VariantName": "shadow",
        "ModelName": "shadow",
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 0.5,
    }
    config = hosting.config("shadowed", {"ShadowProductionVariants": [shadow]}, shown=1.0)
    described = hosting.sagemaker.describe_endpoint(EndpointName=hosting.endpoint("shadowed", config))
    assert [item["VariantName"] for item in described["ShadowProductionVariants"]] == ["shadow"]
    assert {hosting.invoke("shadowed")["name"] for _ in range(8)} == {"shown"}
    with pytest.raises(ClientError, match="shadow"):
        hosting.invoke("shadowed", TargetVariant="shadow")
    assert eventually(lambda: _sums(emulator, "shadowed", "shadow", ["Invocations"])["Invocations"] == 4)
    hosting.delete("shadowed")


def test_a_serverless_variant_serves_as_many_at_once_as_it_says(hosting):
    hosting.model("serverless")
    variant = {"VariantName": "v", "ModelName": "serverless", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}
    hosting.sagemaker.create_endpoint_config(EndpointConfigName="serverless", ProductionVariants=[variant])
    hosting.endpoint("serverless", "serverless")
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(hosting.invoke, "serverless", {"sleep": 1.0})
        time.sleep(0.4)
        with pytest.raises(ClientError, match="ThrottlingException"):
            hosting.invoke("serverless")
        assert long.result()["name"] == "serverless"
    hosting.delete("serverless")


def test_a_serverless_variant_sleeps_when_idle_and_wakes_for_an_invocation(tmp_path, start_emulator, hosting_of, monkeypatch):
    monkeypatch.setenv("EMULATOR_SERVERLESS_IDLE_SECONDS", "0.3")
    home = tmp_path / "home"
    try:
        hosting = hosting_of(start_emulator(home))
        hosting.model("sleepy")
        variant = {"VariantName": "v", "ModelName": "sleepy", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
        hosting.sagemaker.create_endpoint_config(EndpointConfigName="sleepy", ProductionVariants=[variant])
        hosting.endpoint("sleepy", "sleepy")
        first = hosting.invoke("sleepy")["pid"]
        assert eventually(lambda: not _lives(first))
        assert hosting.sagemaker.describe_endpoint(EndpointName="sleepy")["EndpointStatus"] == "InService"
        with ThreadPoolExecutor(3) as threads:
            woken = {answer["pid"] for answer in threads.map(lambda _: hosting.invoke("sleepy"), range(3))}
        assert len(woken) == 1
        assert first not in woken
    finally:
        lifecycle.down(home)


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
