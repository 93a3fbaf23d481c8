"""Tests of built images: `make test-image` builds them and runs these; elsewhere they are skipped."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what has no images."""
    if "image" in item.path.parts and "TEST_IMAGE_BUILD" not in os.environ:
        pytest.skip("images are built and tested by `make test-image`, which needs a Docker engine")
