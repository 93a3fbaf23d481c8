"""What the tests of hosting share."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/sagemaker"


class Hosting:
    """The calls that these tests make, with the service's defaults."""

    def __init__(self, emulator: Any) -> None:
        self.sagemaker, self.runtime = emulator.client("sagemaker"), emulator.client("sagemaker-runtime")

    def model(self, name: str, **environment: str) -> str:
        """A model that answers with its name."""
        container = {"Image": "registry/toy:1", "Environment": {"TOY_NAME": name, **environment}}
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        return name

    def config(self, name: str, settings: dict[str, Any] | None = None, **weights: float) -> str:
        """A configuration with one variant per model."""
        variants = [
            {
                "VariantName": model,
                "ModelName": model,
                "InstanceType": "ml.g5.2xlarge",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weight,
            }
            for model, weight in weights.items()
        ]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **(settings or {}))
        return name

    def delete(self, name: str) -> None:
        """Delete an endpoint, and wait until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        self.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1})

    def endpoint(self, name: str, config: str, wait: bool = True) -> str:
        """A new endpoint, in service unless told not to wait."""
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        if wait:
            self.wait(name)
        return name

    def wait(self, name: str, *statuses: str) -> dict[str, Any]:
        """The endpoint once it has one of the statuses, InService unless named."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            described: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
            if described["EndpointStatus"] in (statuses or ("InService",)):
                return described
            assert described["EndpointStatus"] != "Failed", described["FailureReason"]
            time.sleep(0.05)
        raise AssertionError(described)

    def invoke(self, name: str, body: object = None, **options: Any) -> dict[str, Any]:
        """What the toy server saw, and the whole answer."""
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=json.dumps(body or {}), ContentType="application/json", **options)
        return {**json.loads(answer["Body"].read()), "answer": answer}


@pytest.fixture(scope="session")
def hosting(emulator) -> Hosting:
    """The session's emulator."""
    return Hosting(emulator)


@pytest.fixture(scope="session")
def hosting_of() -> type[Hosting]:
    """For tests with an emulator of their own."""
    return Hosting
