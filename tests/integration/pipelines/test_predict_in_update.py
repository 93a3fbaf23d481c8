"""The predict function in front of an endpoint that is being updated."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pipelines import endpoint, endpoint_state, registry
from pipelines.settings import Settings
from tests.integration.lambdas import stub

Register = Callable[..., str]


def test_the_predict_function_is_answered_all_through_an_update(
    aws: Any, settings: Settings, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.deploy(registry.describe(register("old"), settings), settings)
    for name, value in {"ENDPOINT_NAME": settings.endpoint_name, "CPU_ENDPOINT_NAME": "", "BUCKET": settings.bucket}.items():
        monkeypatch.setenv(f"HOUSING_{name}", value)
    monkeypatch.delitem(sys.modules, "lambdas.predict.handler", raising=False)
    predict, asked = importlib.import_module("lambdas.predict.handler"), stub.event('{"inputs": [{"target": [1.0]}]}')
    package = registry.describe(register("new"), settings)
    endpoint.begin(endpoint.order_of(package, endpoint.tiers(settings)[0], settings), settings)
    seen = []
    while endpoint_state.describe(aws.client("sagemaker"), settings.endpoint_name)["EndpointStatus"] not in endpoint_state.SETTLED:
        response = predict.handler(asked, None)
        seen.append((response["statusCode"], response["headers"]["x-housing-route"], response["headers"]["x-housing-degraded"]))
    assert set(seen) == {(200, "gpu", "false")}
    assert json.loads(predict.handler(asked, None)["body"])["name"] == "new"
