"""A running emulator for the integration tests of every room."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import pytest_socket
from botocore.config import Config

from emulator import lifecycle

TOY = Path(__file__).parent / "emulator" / "toy"


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup() -> None:
    """Loopback only."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)


@dataclass(frozen=True)
class RunningEmulator:
    """An emulator in a folder of its own, and boto3 clients for it."""

    home: Path
    url: str
    env: dict[str, str]

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client; no retries, so that a test sees the first answer."""
        config = Config(retries={"total_max_attempts": 1}).merge(options.pop("config", Config()))
        region = self.env["AWS_REGION"]
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
            **options,
        )


def start_emulator(home: Path, images: Path | None = None) -> RunningEmulator:
    """An emulator on any free port, with the toy images unless told otherwise; the caller stops it with `lifecycle.down(home)`."""
    if images is None:
        images = home.with_suffix(".images.yaml")
        entry = {"match": "*toy*", "folder": str(TOY), "path": ["bin", str(Path(sys.executable).parent)]}
        images.write_text(json.dumps({"images": [entry]}))
    running = lifecycle.up(home, port=0, images=images, region="eu-west-1")
    return RunningEmulator(home, running.url, lifecycle.env(home))


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    """One emulator for the whole session, with the toy images of `emulator/toy`. Use names of your own in it."""
    home = tmp_path_factory.mktemp("emulator") / "home"
    yield start_emulator(home)
    lifecycle.down(home)


@pytest.fixture
def emulator_env(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The session's emulator as the AWS of this process, for code that makes its own clients."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    return emulator.env


@pytest.fixture(name="start_emulator", scope="session")
def start_emulator_fixture() -> Callable[[Path], RunningEmulator]:
    """`start_emulator`, for tests that need an emulator of their own."""
    return start_emulator
