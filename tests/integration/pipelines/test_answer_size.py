"""What a function can give back: the emulator refuses a result over Lambda's limit as Lambda does, so no answer may come near it."""

from __future__ import annotations

import base64
import io
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pipelines import packaging
from tests.integration.lambdas.stub import JSON, Aws, event, serving

ASKED = json.dumps({"inputs": [{"target": [100.0] * 40}]})
Invoke = Callable[[dict[str, Any]], dict[str, Any]]


def array(megabytes: float) -> bytes:
    """A forecast as npy of about that size."""
    out = io.BytesIO()
    np.save(out, np.random.default_rng(1).random(int(megabytes * 1e6 / 8)))
    return out.getvalue()


def predictions(name: str, megabytes: float) -> bytes:
    """Many small predictions, written as the server writes them."""
    one = json.dumps({"item_id": name, "mean": [1.5, 2.5]}, ensure_ascii=False, separators=(",", ":"))
    count = int(megabytes * 1e6 / (len(one.encode()) + 1))
    return f'{{"predictions":[{",".join([one] * count)}]}}'.encode()


@pytest.fixture(scope="module")
def model() -> Iterator[Aws]:
    with serving() as state:
        yield state


@pytest.fixture(scope="module")
def invoke(caller_emulator: Any, model: Aws) -> Iterator[Invoke]:
    """Invokes the function from its zip, in front of an endpoint that answers what the test says."""
    functions, name = caller_emulator.client("lambda"), f"test-{uuid.uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=name,
        Runtime=packaging.RUNTIME,
        Handler="lambdas.predict.handler.handler",
        Role="arn:aws:iam::123456789012:role/housing-predict",
        Timeout=60,
        Code={"ZipFile": packaging.package("predict")},
        Environment={"Variables": {"HOUSING_BACKEND": "eks", "HOUSING_EKS_URL": model.url}},
    )

    def send(asked: dict[str, Any]) -> dict[str, Any]:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(asked).encode())
        content: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, content
        return content

    yield send
    functions.delete_function(FunctionName=name)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (array(4.6), 200),
        (array(5.9), 413),
        (predictions("Austin", 5.0), 200),
        (predictions("Austin", 5.9), 413),
        (predictions("Zürich", 5.9), 413),
    ],
    ids=["array", "array in base64", "predictions", "predictions with their quotes", "predictions with letters that are escaped"],
)
def test_an_answer_is_measured_as_it_is_given_back(model: Aws, invoke: Invoke, body: bytes, status: int) -> None:
    model.eks = (200, {"content-type": "application/x-npy"} if body.startswith(b"\x93") else JSON, body)
    response = invoke(event(ASKED))
    assert response["statusCode"] == status
    if status == 200:
        sent = response["body"]
        assert (base64.b64decode(sent) if response["isBase64Encoded"] else sent.encode()) == body
    else:
        assert json.loads(response["body"])["error"]["code"] == "too_large"


def test_an_object_that_its_spaces_make_too_large_is_refused_to_a_direct_caller(model: Aws, invoke: Invoke) -> None:
    model.eks = (200, JSON, predictions("Austin", 5.9))
    assert invoke(json.loads(ASKED))["error"]["code"] == "too_large"
