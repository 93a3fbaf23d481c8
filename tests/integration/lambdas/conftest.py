"""The predict function with AWS on loopback."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from tests.integration.lambdas.stub import Aws, serving


@pytest.fixture
def aws() -> Iterator[Aws]:
    with serving() as state:
        yield state


Start = Callable[..., ModuleType]


@pytest.fixture
def start(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Start:
    """The handler, imported as a cold start does, with HOUSING_* settings of the test (names in lower case, without the prefix)."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "HOUSING_ENDPOINT_NAME": "gpu",
        "HOUSING_CPU_ENDPOINT_NAME": "cpu",
        "HOUSING_BUCKET": "bucket",
    }.items():
        monkeypatch.setenv(name, value)

    def imported(**settings: str) -> ModuleType:
        for name, value in settings.items():
            monkeypatch.setenv(f"HOUSING_{name.upper()}", value)
        monkeypatch.delitem(sys.modules, "lambdas.predict.handler", raising=False)
        return importlib.import_module("lambdas.predict.handler")

    return imported
