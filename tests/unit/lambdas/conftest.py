"""The part of AWS that train and status ask for, in this process: botocore checks and passes on each request, a few functions answer."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import RLock
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from botocore.response import StreamingBody

from pipelines import aws, handover
from pipelines.settings import Settings

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/housing-forecast"
BUCKET = "housing-123456789012-us-east-1"


class FaultError(Exception):
    """An error that the service answers."""

    def __init__(self, code: str, message: str = "no", status: int = 400) -> None:
        super().__init__(code)
        self.answer = SimpleNamespace(status_code=status, headers={}), {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}


@dataclass
class Stored:
    """An object in S3."""

    body: bytes
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass
class Cloud:
    """SageMaker's pipelines and S3, as far as the functions ask."""

    objects: dict[str, Stored] = field(default_factory=dict)
    executions: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, tuple[str, Any]] = field(default_factory=dict)
    steps: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    faults: dict[str, list[FaultError]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    pipeline: bool = True
    kubernetes: str = ""
    clients: dict[str, Any] = field(default_factory=dict)
    one_at_a_time: Any = field(default_factory=RLock)

    def client(self, service: str, *_: Any, config: Any = None, **__: Any) -> Any:
        """A real client whose requests end here."""
        if service not in self.clients:
            made: Any = boto3.Session().client(service, "us-east-1", aws_access_key_id="test", aws_secret_access_key="test", config=config)  # type: ignore[call-overload]
            made.meta.events.register_first("before-parameter-build", lambda params, context, **_: context.update(asked=dict(params)))
            made.meta.events.register("before-call", self._answer)
            self.clients[service] = made
        return self.clients[service]

    def put(self, key: str, body: bytes, modified: datetime | None = None) -> None:
        self.objects[key] = Stored(body, modified or datetime.now(UTC))

    def source(self, body: bytes, modified: datetime | None = None) -> str:
        """A complete source at an address of 64 digits; returns its URI."""
        place = hashlib.sha256(body).hexdigest()
        for name, content in (("panel.csv.gz", body), ("source.json", b"{}")):
            self.put(f"housing/sources/{place}/{name}", content, modified)
        return f"s3://{BUCKET}/housing/sources/{place}/"

    def _answer(self, model: Any, context: Any, **_: Any) -> Any:
        try:
            with self.one_at_a_time:
                self.calls[model.name] += 1
                if self.faults.get(model.name):
                    raise self.faults[model.name].pop(0)
                answer = getattr(self, model.name)(context["asked"])
        except FaultError as fault:
            return fault.answer
        return SimpleNamespace(status_code=200, headers={}), {"ResponseMetadata": {"HTTPStatusCode": 200}, **answer}

    def _need_pipeline(self) -> None:
        if not self.pipeline:
            raise FaultError("ResourceNotFound", "Pipeline 'housing-forecast' does not exist.")

    def DescribePipeline(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._need_pipeline()
        return {"PipelineDefinition": "{}", "PipelineArn": ARN}

    def ListPipelineExecutions(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._need_pipeline()
        since = asked.get("CreatedAfter", datetime.min.replace(tzinfo=UTC))
        found = [one for one in reversed(self.executions) if one["StartTime"] > since]
        at = int(asked.get("NextToken", 0))
        more = {"NextToken": str(at + 100)} if len(found) > at + 100 else {}
        return {"PipelineExecutionSummaries": found[at : at + 100], **more}

    def StartPipelineExecution(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._need_pipeline()
        token, said = asked["ClientRequestToken"], {key: value for key, value in asked.items() if key != "ClientRequestToken"}
        if token in self.tokens:
            arn, before = self.tokens[token]
            if before != said:
                raise FaultError("ConflictException", "ClientRequestToken was used before with other parameters")
            return {"PipelineExecutionArn": arn}
        arn = f"{ARN}/execution/{len(self.executions):012d}"
        self.tokens[token] = arn, said
        self.parameters[arn] = {item["Name"]: item["Value"] for item in asked["PipelineParameters"]}
        facts = {"StartTime": datetime.now(UTC), "PipelineExecutionStatus": "Executing"}
        said = {key: asked[key] for key in ("PipelineExecutionDisplayName", "PipelineExecutionDescription")}
        self.executions.append({"PipelineExecutionArn": arn, **said, **facts})
        return {"PipelineExecutionArn": arn}

    def ListPipelineParametersForExecution(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        known = self.parameters[asked["PipelineExecutionArn"]]
        return {"PipelineParameters": [{"Name": name, "Value": value} for name, value in known.items()]}

    def DescribePipelineExecution(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._need_pipeline()
        found = [one for one in self.executions if one["PipelineExecutionArn"] == asked["PipelineExecutionArn"]]
        if not found:
            raise FaultError("ResourceNotFound", "Pipeline execution does not exist.")
        return {"CreationTime": found[0]["StartTime"], **found[0]}

    def ListPipelineExecutionSteps(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"PipelineExecutionSteps": self.steps.get(asked["PipelineExecutionArn"], [])}

    def ListModelPackages(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"ModelPackageSummaryList": []}

    def ListObjectsV2(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = {key: stored for key, stored in self.objects.items() if key.startswith(asked["Prefix"])}
        listed = [{"Key": key, "Size": len(stored.body), "LastModified": stored.modified} for key, stored in found.items()]
        return {"Contents": listed, "IsTruncated": False}

    def GetObject(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        stored = self.objects.get(asked["Key"])
        if stored is None or asked["Bucket"] not in {BUCKET, "b"}:
            raise FaultError("NoSuchKey", status=404)
        body = stored.body
        return {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentLength": len(body), "ETag": stored.etag}

    def HeadObject(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if asked["Key"] not in self.objects:
            raise FaultError("404", status=404)
        return {"ContentLength": len(self.objects[asked["Key"]].body)}

    def DescribeCluster(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"cluster": {"name": asked["name"], "status": "ACTIVE", "endpoint": self.kubernetes}}

    def PutObject(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.put(asked["Key"], asked["Body"] if isinstance(asked["Body"], bytes) else asked["Body"].read())
        return {"ETag": self.objects[asked["Key"]].etag}

    def CopyObject(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        origin = self.objects[unquote(str(asked["CopySource"]).partition("/")[2])]
        if asked["CopySourceIfMatch"] != origin.etag:
            raise FaultError("PreconditionFailed", status=412)
        self.put(asked["Key"], origin.body)
        return {}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """AWS as the functions see it."""
    made = Cloud()
    monkeypatch.setattr(aws, "_made", made.client)
    monkeypatch.setattr("lambdas.status.clients.boto3.client", made.client)
    return made


@pytest.fixture
def function_env(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets the environment of a function: the settings, handed over as the stack does, and single variables."""
    for name, value in {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)

    def put(settings: Settings | None = None, **variables: str) -> None:
        monkeypatch.setenv(handover.VARIABLE, handover.to_json(settings or Settings()))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    yield put


def at(hours_ago: float = 0) -> str:
    """A time as events tell it."""
    return (datetime.now(UTC) - timedelta(hours=hours_ago)).isoformat(timespec="seconds").replace("+00:00", "Z")


def event_of(kind: str, number: int | str, hours_ago: float = 0, **detail: Any) -> dict[str, Any]:
    """An event of EventBridge."""
    return {"version": "0", "id": f"{kind}-{number}", "detail-type": kind, "time": at(hours_ago), "detail": detail}


@pytest.fixture
def make_event() -> Callable[..., dict[str, Any]]:
    """`event_of`, for tests."""
    return event_of


@pytest.fixture
def batch() -> Callable[..., dict[str, Any]]:
    """Events (or any text) as a batch of SQS messages."""

    def make(*bodies: Any) -> dict[str, Any]:
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        return {"Records": [{"messageId": f"m{number}", "eventSource": "aws:sqs", "body": text} for number, text in enumerate(texts)]}

    return make


@pytest.fixture
def fault() -> type[FaultError]:
    """Makes an error that the service answers."""
    return FaultError
