"""HOUSING_BACKEND=eks: the trigger becomes a Job on the cluster, once, and status reads it."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

CONTEXT = SimpleNamespace(aws_request_id="r", invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:housing-status:live")


@dataclass
class Kubernetes:
    """The Jobs of one cluster, as its API keeps them."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)

    def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        self.posts.append(path)
        if self.refusals:
            return self.refusals.pop(0), {"kind": "Status", "message": "not now"}
        job = yaml.safe_load(body)
        name = job["metadata"]["name"]
        if name in self.jobs:
            return 409, {"kind": "Status", "message": "already exists"}
        self.jobs[name] = job
        return 201, job

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        found = self.jobs.get(path.rpartition("/")[2])
        return (200, found) if found else (404, {"kind": "Status", "message": "not found"})


@pytest.fixture
def cluster(cloud: Any) -> Iterator[Kubernetes]:
    state = Kubernetes()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["authorization"].startswith("Bearer k8s-aws-v1.")
            self._answer(*state.post(self.path, self.rfile.read(int(self.headers["content-length"]))))

        def do_GET(self) -> None:
            self._answer(*state.get(self.path))

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cloud.kubernetes = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def train(function_env: Callable[..., None]) -> ModuleType:
    from lambdas.train import handler

    function_env(HOUSING_BACKEND="eks", HOUSING_EKS_CLUSTER="housing")
    handler.settings.cache_clear()
    return handler


def test_an_event_becomes_one_job_however_often_it_comes_and_status_reads_it(
    train: ModuleType, cloud: Any, cluster: Kubernetes, make_event: Any, batch: Any
) -> None:
    from lambdas.status import clients, handler

    uri = cloud.source(gzip.compress(b"region,date,price\nA,2020-01,1\nA,2020-02,1\n"))
    event = make_event("Scheduled Event", 1)
    for _ in range(3):
        assert train.handler(batch(event), None) == {"batchItemFailures": []}
    ((name, job),) = cluster.jobs.items()
    assert cluster.posts == ["/apis/batch/v1/namespaces/ml-jobs/jobs?fieldValidation=Strict"] * 3
    assert job["metadata"]["annotations"]["housing/source-uri"] == uri.rstrip("/")
    assert "StartPipelineExecution" not in cloud.calls

    clients.client.cache_clear()
    path = {"rawPath": f"/v1/executions/{name}", "requestContext": {"requestId": "g"}}
    assert json.loads(handler.handler(path, CONTEXT)["body"])["status"] == "Executing"
    job["status"] = {"startTime": "2026-01-01T00:00:00Z", "conditions": [{"type": "Failed", "status": "True", "message": "BackoffLimit"}]}
    told = json.loads(handler.handler(path, CONTEXT)["body"])
    assert (told["status"], told["reason"], told["started"]) == ("Failed", "BackoffLimit", "2026-01-01T00:00:00Z")
    absent = {"rawPath": "/v1/executions/api-" + "0" * 20, "requestContext": {"requestId": "g"}}
    assert handler.handler(absent, CONTEXT)["statusCode"] == 404


def test_a_cluster_that_refuses_is_asked_again_later_and_a_request_is_told(
    train: ModuleType, cloud: Any, cluster: Kubernetes, make_event: Any, batch: Any
) -> None:
    cloud.source(gzip.compress(b"region,date,price\nA,2020-01,1\n"))
    cluster.refusals = [403, 403]
    assert train.handler(batch(make_event("Scheduled Event", 1)), None)["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    answer = train.handler({"requestContext": {"requestId": "g"}, "body": "{}"}, None)
    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["code"]) == (503, "not_possible")
    assert "housing-submitter" in error["message"]
    assert train.handler(batch(make_event("Scheduled Event", 1)), None) == {"batchItemFailures": []}


def test_a_machine_of_sagemaker_is_no_parameter_there(train: ModuleType, cloud: Any, cluster: Kubernetes) -> None:
    body = json.dumps({"parameters": {"TrainingInstanceType": "ml.g5.2xlarge"}})
    answer = train.handler({"requestContext": {"requestId": "g"}, "body": body}, None)
    assert (answer["statusCode"], cluster.posts) == (400, [])


@pytest.mark.parametrize(("backend", "cluster", "variable"), [("eks", "", "HOUSING_EKS_CLUSTER"), ("EKS", "housing", "HOUSING_BACKEND")])
def test_a_wrong_choice_is_named_and_nothing_is_started_elsewhere(  # noqa: PLR0917
    train: ModuleType, cloud: Any, monkeypatch: pytest.MonkeyPatch, backend: str, cluster: str, variable: str
) -> None:
    monkeypatch.setenv("HOUSING_BACKEND", backend)
    monkeypatch.setenv("HOUSING_EKS_CLUSTER", cluster)
    cloud.source(gzip.compress(b"region,date,price\nA,2020-01,1\n"))
    answer = train.handler({"requestContext": {"requestId": "g"}, "body": "{}"}, None)
    assert (answer["statusCode"], cloud.executions) == (503, [])
    assert json.loads(answer["body"])["error"]["message"].startswith(f"{variable}: ")
