"""Endpoints are processes; invocations reach them by weight, and an update leaves no gap."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from emulator import lifecycle
from emulator.home import Home

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
BUCKET = "endpoint-models"


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture(scope="module")
def endpoint(hosting, emulator) -> Iterator[str]:
    """An endpoint with one variant, for tests that only read."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        item = tarfile.TarInfo("weights.json")
        item.size = 2
        tar.addfile(item, io.BytesIO(b"{}"))
    s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive.getvalue())
    container = {"Image": "registry/toy:1", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz", "Environment": {"TOY_NAME": "plain"}}
    hosting.sagemaker.create_model(ModelName="plain", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    yield hosting.endpoint("plain", hosting.config("plain", plain=1.0))
    hosting.sagemaker.delete_endpoint(EndpointName="plain")


def test_an_endpoint_serves_its_model(hosting, endpoint):
    seen = hosting.invoke(endpoint)
    assert seen["model"] == ["weights.json"]
    assert seen["answer"]["InvokedProductionVariant"] == "plain"
    described = hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
    variant = described["ProductionVariants"][0]
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "plain")
    assert (variant["VariantName"], variant["CurrentWeight"], variant["CurrentInstanceCount"]) == ("plain", 1.0, 1)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == "registry/toy:1"


def test_headers_pass_both_ways(hosting, endpoint):
    seen = hosting.invoke(endpoint, Accept="application/jsonlines", CustomAttributes="trace=1", InferenceId="id-1")
    assert seen["headers"]["accept"] == "application/jsonlines"
    assert seen["headers"]["content-type"] == "application/json"
    assert seen["headers"]["x-amzn-sagemaker-custom-attributes"] == "trace=1"
    assert seen["headers"]["x-amzn-sagemaker-inference-id"] == "id-1"
    assert not any(name.startswith("x-amz-") or name == "authorization" for name in seen["headers"])
    assert (seen["answer"]["ContentType"], seen["answer"]["CustomAttributes"]) == ("application/json", "from-toy")


def test_an_error_of_the_model_is_a_model_error(hosting, endpoint):
    with pytest.raises(hosting.runtime.exceptions.ModelError) as caught:
        hosting.invoke(endpoint, {"status": 422, "message": "unknown region"})
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (422, "unknown region")
    assert 'Received client error (422) from primary with message "unknown region"' in response["Error"]["Message"]
    assert response["LogStreamArn"].endswith("/aws/sagemaker/Endpoints/plain")


def test_a_payload_of_6_mb_passes_and_one_byte_more_does_not(hosting, endpoint):
    limit = 6 * 1024 * 1024
    answer = hosting.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x" * limit)
    assert json.loads(answer["Body"].read())["bytes"] == limit
    with pytest.raises(ClientError) as caught:
        hosting.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x" * (limit + 1))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert str(limit) in caught.value.response["Error"]["Message"]


def test_an_unknown_endpoint_or_variant_is_a_validation_error(hosting, endpoint):
    with pytest.raises(ClientError, match="Endpoint absent of account 123456789012 not found"):
        hosting.invoke("absent")
    with pytest.raises(ClientError, match="other") as caught:
        hosting.invoke(endpoint, TargetVariant="other")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_traffic_is_split_by_weight_and_a_variant_can_be_targeted(hosting):
    for name in ("split-a", "split-b"):
        hosting.model(name)
    hosting.endpoint("split", hosting.config("split", **{"split-a": 3.0, "split-b": 1.0}))
    counts = Counter(hosting.invoke("split")["name"] for _ in range(40))
    assert counts == {"split-a": 30, "split-b": 10}
    assert {hosting.invoke("split", TargetVariant="split-b")["name"] for _ in range(3)} == {"split-b"}

    desired = [
        {"VariantName": "split-a", "DesiredWeight": 0.0},
        {"VariantName": "split-b", "DesiredWeight": 5.0, "DesiredInstanceCount": 2},
    ]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName="split", DesiredWeightsAndCapacities=desired)
    described = hosting.wait("split")
    assert [(item["CurrentWeight"], item["CurrentInstanceCount"]) for item in described["ProductionVariants"]] == [(0.0, 1), (5.0, 2)]
    assert {hosting.invoke("split")["name"] for _ in range(5)} == {"split-b"}
    hosting.sagemaker.delete_endpoint(EndpointName="split")


def test_an_update_under_load_loses_no_invocation(hosting):
    for name in ("old", "new"):
        hosting.model(name)
    hosting.config("update-old", old=1.0)
    hosting.config("update-new", new=1.0)
    hosting.endpoint("update", "update-old")
    old_pid = hosting.invoke("update")["pid"]
    seen: list[str] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            seen.append(hosting.invoke("update", {"sleep": 0.02})["name"])

    callers = [threading.Thread(target=load) for _ in range(4)]
    for caller in callers:
        caller.start()
    hosting.sagemaker.update_endpoint(EndpointName="update", EndpointConfigName="update-new")
    assert hosting.sagemaker.describe_endpoint(EndpointName="update")["EndpointStatus"] == "Updating"
    described = hosting.wait("update")
    before = len(seen)
    while len(seen) < before + 12 and all(caller.is_alive() for caller in callers):
        time.sleep(0.01)
    stop.set()
    for caller in callers:
        caller.join()
    assert described["EndpointConfigName"] == "update-new"
    assert len(seen) >= before + 12
    assert set(seen[-4:]) == {"new"}
    assert Counter(seen)["old"] > 0
    assert not _lives(old_pid)
    hosting.sagemaker.delete_endpoint(EndpointName="update")


def test_an_update_to_a_model_that_fails_keeps_the_old_one_in_service(hosting):
    hosting.model("good")
    hosting.model("broken", TOY_EXIT="4")
    hosting.endpoint("rollback", hosting.config("rollback-good", good=1.0))
    hosting.sagemaker.update_endpoint(EndpointName="rollback", EndpointConfigName=hosting.config("rollback-broken", broken=1.0))
    described = hosting.wait("rollback")
    assert described["EndpointConfigName"] == "rollback-good"
    assert "status 4" in described["FailureReason"]
    assert hosting.invoke("rollback")["name"] == "good"
    hosting.sagemaker.delete_endpoint(EndpointName="rollback")


def test_an_update_keeps_weights_and_counts_when_asked_to(hosting):
    hosting.model("retained")
    hosting.endpoint("retain", hosting.config("retain-1", retained=1.0))
    desired = [{"VariantName": "retained", "DesiredWeight": 0.5, "DesiredInstanceCount": 3}]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName="retain", DesiredWeightsAndCapacities=desired)
    hosting.wait("retain")
    exclude = [{"VariantPropertyType": "DesiredWeight"}]
    options = {"RetainAllVariantProperties": True, "ExcludeRetainedVariantProperties": exclude}
    hosting.sagemaker.update_endpoint(EndpointName="retain", EndpointConfigName=hosting.config("retain-2", retained=1.0), **options)
    variant = hosting.wait("retain")["ProductionVariants"][0]
    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (1.0, 3)
    hosting.sagemaker.delete_endpoint(EndpointName="retain")


def test_a_container_that_exits_fails_the_endpoint_with_its_last_words(hosting):
    hosting.model("leaves", TOY_EXIT="3")
    hosting.endpoint("leaves", hosting.config("leaves", leaves=1.0), wait=False)
    described = hosting.wait("leaves", "Failed")
    for part in ("variant leaves", "ping health check", "status 3", "toy: told to leave"):
        assert part in described["FailureReason"]
    with pytest.raises(ClientError, match="not found"):
        hosting.invoke("leaves")
    hosting.delete("leaves")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        hosting.sagemaker.describe_endpoint(EndpointName="leaves")


def test_what_a_container_prints_is_in_cloudwatch(hosting, emulator):
    hosting.model("printing")
    hosting.endpoint("printing", hosting.config("printing", printing=1.0))
    logs, group, until, found = emulator.client("logs"), "/aws/sagemaker/Endpoints/printing", time.monotonic() + 20, []
    while not found and time.monotonic() < until:
        time.sleep(0.1)
        if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            found = logs.filter_log_events(logGroupName=group)["events"]
    assert [event["message"] for event in found] == ["toy printing serves"]
    assert found[0]["logStreamName"].startswith("printing/i-")
    hosting.delete("printing")


def test_an_unknown_image_fails_the_endpoint_with_its_name(hosting):
    hosting.sagemaker.create_model(ModelName="stranger", PrimaryContainer={"Image": "elsewhere/unknown:1"}, ExecutionRoleArn=ROLE)
    hosting.endpoint("stranger", hosting.config("stranger", stranger=1.0), wait=False)
    assert "elsewhere/unknown:1" in hosting.wait("stranger", "Failed")["FailureReason"]
    hosting.sagemaker.delete_endpoint(EndpointName="stranger")


def test_a_crashed_container_is_started_again(hosting):
    hosting.model("crashes")
    hosting.endpoint("crashes", hosting.config("crashes", crashes=1.0))
    before = hosting.invoke("crashes")["pid"]
    with pytest.raises(hosting.runtime.exceptions.ModelError, match="closed"):
        hosting.invoke("crashes", {"crash": True})
    until, after = time.monotonic() + 30, before
    while after == before and time.monotonic() < until:
        try:
            after = hosting.invoke("crashes")["pid"]
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("ServiceUnavailable", "ModelError")
            time.sleep(0.05)
    assert after != before
    hosting.sagemaker.delete_endpoint(EndpointName="crashes")


def test_faults_of_the_caller_are_named(hosting, endpoint):
    sagemaker = hosting.sagemaker
    with pytest.raises(ClientError, match="Could not find model"):
        hosting.config("no-model", **{"never-made": 1.0})
    with pytest.raises(ClientError, match="already existing endpoint configuration"):
        hosting.config("plain", plain=1.0)
    with pytest.raises(ClientError, match="already existing endpoint "):
        hosting.endpoint(endpoint, "plain")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="absent")
    with pytest.raises(ClientError, match='Could not find endpoint "arn'):
        sagemaker.delete_endpoint(EndpointName="absent")
    with pytest.raises(ClientError, match="variant name"):
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": "x", "DesiredWeight": 1}]
        )
    variant = {"VariantName": "v", "ModelName": "plain"}
    with pytest.raises(ClientError, match="InstanceType"):
        sagemaker.create_endpoint_config(EndpointConfigName="bare", ProductionVariants=[variant])
    variant |= {
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 1,
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1},
    }
    with pytest.raises(ClientError, match="both InstanceType and ServerlessConfig"):
        sagemaker.create_endpoint_config(EndpointConfigName="bare", ProductionVariants=[variant])


def test_endpoints_and_configurations_are_listed_in_pages(hosting, endpoint):
    for number in range(3):
        hosting.config(f"listed-{number}", plain=1.0)
    pages = hosting.sagemaker.get_paginator("list_endpoint_configs").paginate(NameContains="listed", PaginationConfig={"PageSize": 2})
    assert [item["EndpointConfigName"] for page in pages for item in page["EndpointConfigs"]] == ["listed-2", "listed-1", "listed-0"]
    listed = hosting.sagemaker.list_endpoints(StatusEquals="InService", NameContains=endpoint)["Endpoints"]
    assert [item["EndpointName"] for item in listed] == [endpoint]
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName="listed-0")
    with pytest.raises(ClientError, match="Could not find"):
        hosting.sagemaker.describe_endpoint_config(EndpointConfigName="listed-0")


def test_endpoints_come_back_after_a_kill_and_no_process_is_left_behind(tmp_path, start_emulator, hosting_of):
    home = tmp_path / "home"
    try:
        hosting = hosting_of(start_emulator(home))
        hosting.model("back")
        hosting.endpoint("back", hosting.config("back", back=1.0))
        before = hosting.invoke("back")["pid"]
        os.kill(Home.at(home).last_run().pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while _lives(before) and time.monotonic() < until:
            time.sleep(0.01)
        assert not _lives(before)

        hosting = hosting_of(start_emulator(home))
        assert hosting.wait("back", "SystemUpdating", "InService")
        hosting.wait("back")
        after = hosting.invoke("back")["pid"]
        assert after != before
    finally:
        lifecycle.down(home)
    assert not _lives(after)
