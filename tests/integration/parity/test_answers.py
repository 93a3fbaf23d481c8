"""One payload, one artifact: the SageMaker endpoint, the service of a pod and the function in front of either give the same bytes."""

from __future__ import annotations

import http.client
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from emulator.containers import free_port
from pipelines.packaging import RUNTIME, package
from tests.conftest import Road
from tests.integration.parity.conftest import BUCKET, IMAGE, ROOT

REQUESTS = {
    "a known region": {"inputs": [{"item_id": "Town A"}]},
    "own data and a known region": {
        "inputs": [{"item_id": "mine", "start": "2010-01-01", "target": [100.0 + month for month in range(40)]}, {"item_id": "Town B"}],
        "parameters": {"prediction_length": 3, "quantile_levels": [0.1, 0.5, 0.9]},
    },
    "a region that nobody knows": {"inputs": [{"item_id": "Atlantis"}]},
    "a field that does not exist": {"inputs": [{"item_id": "Town A"}], "parameters": {"length": 3}},
}


@pytest.fixture(scope="module")
def pod(cloud: Any, synthetic_road: Road, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A serving pod as its manifest has it: `agent.fetch` brings the artifact, then `serve`. Yields the port."""
    cloud.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=synthetic_road.archive.read_bytes())
    root, port = tmp_path_factory.mktemp("pod"), free_port()
    own = {"SAGEMAKER_BASE_DIR": str(root), "HOUSING_MODEL_URI": f"s3://{BUCKET}/model.tar.gz", "OMP_NUM_THREADS": "1"}
    env = {**os.environ, **cloud.env, **own, "SAGEMAKER_BIND_TO_PORT": str(port), "HOUSING_WORKERS": "1", "HOUSING_SERVE_HOST": "127.0.0.1"}
    subprocess.run([sys.executable, "-m", "agent.fetch"], env=env, cwd=ROOT, check=True, capture_output=True, timeout=60)
    with subprocess.Popen([sys.executable, "-m", "inference.serve"], env=env, cwd=ROOT) as process:
        until = time.monotonic() + 60
        while ask_pod(port, "GET", "/ping")[0] != 200:
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.1)
        yield port
        process.terminate()


def ask_pod(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""


@pytest.fixture(scope="module")
def endpoint(cloud: Any, synthetic_road: Road) -> str:
    """An endpoint in service with the artifact."""
    sagemaker = cloud.client("sagemaker")
    cloud.client("s3").put_object(Bucket=BUCKET, Key="endpoint/model.tar.gz", Body=synthetic_road.archive.read_bytes())
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/endpoint/model.tar.gz", "Environment": {"HOUSING_WORKERS": "1"}}
    sagemaker.create_model(ModelName="parity", PrimaryContainer=container, ExecutionRoleArn="arn:aws:iam::123456789012:role/x")
    variant = {"VariantName": "all", "ModelName": "parity", "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="parity", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="parity", EndpointConfigName="parity")
    until = time.monotonic() + 60
    while (status := sagemaker.describe_endpoint(EndpointName="parity")["EndpointStatus"]) != "InService":
        assert status == "Creating" and time.monotonic() < until
        time.sleep(0.1)
    return "parity"


@pytest.fixture(scope="module")
def functions(cloud: Any, endpoint: str, pod: int) -> dict[str, str]:
    """The function, from its own zip, in front of the endpoint and in front of the pod: backend -> name."""
    client, code = cloud.client("lambda"), package("predict")
    backends = {
        "sagemaker": {"HOUSING_ENDPOINT_NAME": endpoint},
        "eks": {"HOUSING_BACKEND": "eks", "HOUSING_EKS_URL": f"http://127.0.0.1:{pod}", "HOUSING_ENDPOINT_NAME": ""},
    }
    for backend, variables in backends.items():
        client.create_function(
            FunctionName=f"parity-{backend}",
            Runtime=RUNTIME,
            Handler="lambdas.predict.handler.handler",
            Role="arn:aws:iam::123456789012:role/x",
            Code={"ZipFile": code},
            Timeout=30,
            Environment={"Variables": variables},
        )
    return {backend: f"parity-{backend}" for backend in backends}


def ask_endpoint(cloud: Any, endpoint: str, body: bytes) -> tuple[int, bytes]:
    runtime = cloud.client("sagemaker-runtime")
    try:
        return 200, runtime.invoke_endpoint(EndpointName=endpoint, ContentType="application/json", Body=body)["Body"].read()
    except runtime.exceptions.ModelError as error:
        return error.response["OriginalStatusCode"], error.response["OriginalMessage"].encode()


def ask_function(cloud: Any, name: str, body: bytes) -> tuple[int, bytes]:
    headers = {"content-type": "application/json"}
    event = {"version": "2.0", "requestContext": {"requestId": "r1"}, "headers": headers, "body": body.decode(), "isBase64Encoded": False}
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=io.BytesIO(json.dumps(event).encode()))
    response = json.loads(answer["Payload"].read())
    assert "statusCode" in response, response
    return response["statusCode"], response["body"].encode()


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_way_in_gives_the_same_bytes(cloud: Any, pod: int, endpoint: str, functions: dict[str, str], kind: str) -> None:
    body = json.dumps(REQUESTS[kind]).encode()
    expected = ask_pod(pod, "POST", "/v1/forecast", body)
    assert expected[0] == (200 if kind in list(REQUESTS)[:2] else 400)
    assert b"predictions" in expected[1] or b"error" in expected[1]
    assert ask_endpoint(cloud, endpoint, body) == expected
    assert ask_function(cloud, functions["sagemaker"], body) == expected
    assert ask_function(cloud, functions["eks"], body) == expected
    assert ask_pod(pod, "POST", "/invocations", body) == expected


def test_the_artifact_reaches_both_unchanged(cloud: Any, pod: int, synthetic_model: Path) -> None:
    version = json.loads((synthetic_model / "manifest.json").read_text())["model_version"]
    assert json.loads(ask_pod(pod, "GET", "/v1/regions")[1])["model_version"] == version
