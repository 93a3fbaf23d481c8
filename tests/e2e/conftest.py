"""The small settings with which the whole road takes seconds: the baselines alone, three origins, bars that they pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = {
    "HOUSING_TRAIN_STEPS": '{"baselines": ["naive", "drift", "momentum"]}',
    "HOUSING_ORIGINS": "3",
    "HOUSING_MAX_LOSS_RATIO": "5",
    "HOUSING_MIN_COVERAGE80": "0.01",
    "HOUSING_MAX_COVERAGE80": "1",
}


@pytest.fixture(scope="session")
def small_settings() -> dict[str, str]:
    """Environment variables of the caller's side."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def small_images() -> dict[str, object]:
    """The images file for this folder and this interpreter; a fixed digest, since the code may be edited while the tests run."""
    image = {"match": "*/housing-crisis-ml*", "folder": str(ROOT), "path": [str(Path(sys.executable).parent)]}
    return {"images": [{**image, "env": {"OMP_NUM_THREADS": "1", "HOUSING_IMAGE_DIGEST": "sha256:test"}}]}
