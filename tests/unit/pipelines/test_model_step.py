"""The contract with the SDK's private model step: it must keep putting our request into the definition unchanged."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.definition.offline import offline, offline_session
from pipelines.settings import Settings


@pytest.mark.parametrize(("operation", "step_type"), [("CreateModel", "Model"), ("CreateModelPackage", "RegisterModel")])
def test_a_raw_model_step_holds_the_request_as_given(operation: Any, step_type: str) -> None:
    settings = Settings()
    with offline(settings):
        from pipelines.definition.model import raw_model_step

        request = {"EnableNetworkIsolation": True, "ModelPackageGroupName": "group"}
        step = raw_model_step("Step", operation, request, offline_session(settings))
        built = step.to_request()
    assert built["Type"] == step_type
    assert built["Arguments"] == request


def test_a_raw_model_step_can_be_referred_to() -> None:
    settings = Settings()
    with offline(settings):
        from pipelines.definition.model import raw_model_step

        created = raw_model_step("Step", "CreateModel", {"ModelName": "name"}, offline_session(settings))
        assert created.properties.ModelName.expr == {"Get": "Steps.Step.ModelName"}
