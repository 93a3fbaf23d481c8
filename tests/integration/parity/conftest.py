"""SageMaker on this computer with the project's own image, a bucket, and the artifact of the synthetic road in it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import lifecycle
from tests.conftest import TEST_IMAGE

ROOT = Path(__file__).parents[3]
BUCKET = "parity"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/housing-crisis-ml:train"


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, start_emulator: Callable[..., Any]) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("parity") / "home"
    images = home.with_suffix(".images.yaml")
    env = {"OMP_NUM_THREADS": "1", "HOUSING_IMAGE_DIGEST": TEST_IMAGE}
    images.write_text(
        json.dumps(
            {"images": [{"match": "*housing-crisis-ml*", "folder": str(ROOT), "path": [str(Path(sys.executable).parent)], "env": env}]}
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMULATOR_WAIT_SCALE", "0")
        running = start_emulator(home, images)
    running.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield running
    lifecycle.down(home)


@pytest.fixture
def aws(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The emulator as the AWS of this process and of what it starts."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "HOUSING_"))]:
        monkeypatch.delenv(name)
    for name, value in cloud.env.items():
        monkeypatch.setenv(name, value)
    return cloud
