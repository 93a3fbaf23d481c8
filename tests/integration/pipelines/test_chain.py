"""From an upload to a forecast with nobody in between but the one who approves: the stack of deploy/aws, its rules, queue and functions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from housing.sources import open_source, write_source_folder
from pipelines import bootstrap, execution, precomputed, registry, stacks
from pipelines.export import export_cached
from pipelines.settings import Settings
from pipelines.source import content_address
from tests.integration.pipelines.test_road import SMALL

SECONDS = 180


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """The pipeline of test_road, with a registry of its own: whichever comes second finds the other's steps in the cache."""
    for name, value in {**SMALL, "HOUSING_MODEL_PACKAGE_GROUP": "chain", "XDG_CACHE_HOME": str(cache)}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def stack(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The pipeline and the stack in place, with an endpoint of their own."""
    execution.upsert(export_cached(Settings()), Settings())
    registry.ensure_group(Settings())
    for name, value in {"HOUSING_ENDPOINT_NAME": "chain", "HOUSING_CPU_TIER": "false"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HOUSING_FUNCTION_NAME")
    settings = Settings()
    bootstrap.bootstrap(settings)
    return settings


@pytest.fixture
def upload(synthetic_source: Path, tmp_path: Path) -> Path:
    """A folder as `housing run` makes it of a table."""
    folder = tmp_path / "upload"
    folder.mkdir()
    write_source_folder(open_source(str(synthetic_source / "panel.csv.gz"), {"sales": 1}), folder)
    return folder


def eventually(read: Callable[[], Any]) -> Any:
    """The first true value of `read`, or the last."""
    until = time.monotonic() + SECONDS
    while not (value := read()) and time.monotonic() < until:
        time.sleep(0.2)
    return value


class Stack:
    """What a caller does with the functions of the stack, and what comes to those who listen."""

    def __init__(self, aws: Any, settings: Settings) -> None:
        self.settings, self._aws = settings, aws
        self._url = aws.client("sqs").create_queue(QueueName="chain-outcomes")["QueueUrl"]
        queue = aws.client("sqs").get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = next(one["TopicArn"] for one in aws.client("sns").list_topics()["Topics"] if one["TopicArn"].endswith(":housing-outcomes"))
        aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)

    def invoke(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        answer = self._aws.client("lambda").invoke(FunctionName=f"housing-{name}:live", Payload=json.dumps(payload))
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    def put(self, folder: Path, name: str) -> None:
        for file in ("panel.csv.gz", "source.json"):
            key = f"housing/uploads/{name}/{file}"
            self._aws.client("s3").put_object(Bucket=self.settings.bucket, Key=key, Body=(folder / file).read_bytes())

    def execution_of(self, trigger: str) -> dict[str, Any] | None:
        """The finished execution that a trigger started."""
        found = self._aws.client("sagemaker").list_pipeline_executions(PipelineName=self.settings.pipeline_name)
        wanted = f"started by {trigger}"
        ours = [one for one in found["PipelineExecutionSummaries"] if one.get("PipelineExecutionDescription") == wanted]
        return next((one for one in ours if one["PipelineExecutionStatus"] in {"Succeeded", "Failed", "Stopped"}), None)

    def outcome(self) -> dict[str, Any] | None:
        found = self._aws.client("sqs").receive_message(QueueUrl=self._url).get("Messages", [])
        return json.loads(json.loads(found[0]["Body"])["Message"]) if found else None

    def call(self, method: str, path: str, content: dict[str, Any] | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """A signed request to the HTTP API."""
        url = stacks.outputs("housing-app", self.settings)["ApiUrl"] + path
        body = json.dumps(content).encode() if content is not None else b""
        request = AWSRequest(method, url, data=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
        SigV4Auth(boto3.Session().get_credentials(), "execute-api", self.settings.region).add_auth(request)
        answer = urllib3.request(method, url, body=body or None, headers=dict(request.headers), retries=False)
        return answer.status, answer.json()


def test_an_upload_becomes_a_forecast_with_one_approval_and_others_train_too(aws: Any, stack: Settings, upload: Path) -> None:
    chain = Stack(aws, stack)
    chain.put(upload, "march")
    ended = eventually(lambda: chain.execution_of("upload march"))
    assert ended is not None, "the upload started no execution that ended"
    arn = ended["PipelineExecutionArn"]
    told = chain.invoke("status", {"execution": arn.rpartition("/")[2]})
    assert told["status"] == "Succeeded", told
    assert {step["name"] for step in told["steps"]} >= {"Ingest", "Train-baselines", "Register", "Forecast"}
    address = content_address({path.name: path for path in upload.iterdir()})
    assert execution.parameters_of(arn, stack)["SourceUri"].endswith(f"/housing/sources/{address}/")

    package = registry.newest(stack)
    assert package.execution == arn
    registry.approve(package.arn, "in the chain", stack)
    outcome = eventually(chain.outcome)
    assert outcome is not None, "nobody was told how the update ended"
    assert (outcome["outcome"], outcome["endpoint"], outcome["version"]) == ("in service", "chain", package.version)
    assert outcome["table"] == "published"

    (prediction,) = chain.invoke("predict", {"inputs": [{"item_id": "Town A"}]})["predictions"]
    stored = precomputed.read("Town A", stack)
    assert stored is not None
    assert prediction["0.5"] == pytest.approx(stored["0.5"])
    body = {"inputs": [{"item_id": "new", "target": [100.0 + month for month in range(40)], "start": "2012-01-01"}]}
    (computed,) = chain.invoke("predict", body)["predictions"]
    assert (computed["item_id"], len(computed["0.5"])) == ("new", 12)
    assert computed["model_version"] == prediction["model_version"]

    status, started = chain.call("POST", "/v1/training", {"parameters": {"SourceUri": package.metadata["source_uri"]}}, idempotency_key="k")
    assert (status, started.get("duplicate")) == (202, False), started
    assert chain.call("POST", "/v1/training", {}, idempotency_key="k") == (202, {**started, "duplicate": True})
    ended = eventually(lambda: chain.call("GET", started["status_url"])[1]["ended"] and chain.call("GET", started["status_url"]))
    assert (ended[0], ended[1]["status"]) == (200, "Succeeded")
    assert ended[1]["steps"][0]["cached"] is True
    assert chain.call("GET", "/v1/executions/nothing")[0] == 404

    about = {"Namespace": "chain", "MetricName": "drift", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0}
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="housing-drift-chain", ComparisonOperator="GreaterThanThreshold", **about)
    cloudwatch.set_alarm_state(AlarmName="housing-drift-chain", StateValue="ALARM", StateReason="the chain says so")
    ended = eventually(lambda: chain.execution_of("alarm housing-drift-chain"))
    assert ended is not None, "the alarm started no execution that ended"
    assert ended["PipelineExecutionStatus"] == "Succeeded"
