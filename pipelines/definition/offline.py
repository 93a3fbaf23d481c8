"""The SDK without the network: no credentials, no role look-up, no telemetry, no defaults of the machine."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from pipelines.settings import Settings

if TYPE_CHECKING:
    from sagemaker.core.workflow.pipeline_context import PipelineSession

DEFAULTS_FILE = Path(__file__).with_name("sdk.yaml")

SWITCHES = {
    "SAGEMAKER_VALIDATE_ROLE": "false",
    "SAGEMAKER_USER_CONFIG_OVERRIDE": str(DEFAULTS_FILE),
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(DEFAULTS_FILE),
    "AWS_EC2_METADATA_DISABLED": "true",  # the SDK makes a client when it is imported, and that looks for credentials
}


@contextmanager
def offline(settings: Settings) -> Iterator[None]:
    """Hold the SDK's switches for as long as a definition is built, then restore the environment."""
    switches = SWITCHES | {"AWS_DEFAULT_REGION": settings.region}
    before = {name: os.environ.get(name) for name in switches}
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    os.environ.update(switches)
    logging.disable(logging.WARNING)  # it warns once per step that the service names jobs itself
    try:
        # The SDK checks its defaults against a large schema at each of 130 look-ups, two thirds of the time of a build.
        with warnings.catch_warnings(), patch("jsonschema.validate"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        root.setLevel(level)  # the SDK turns on the log of the whole program when it is imported
        root.handlers[:] = handlers
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def offline_session(settings: Settings) -> PipelineSession:
    """A session that records requests instead of sending them; its credentials are placeholders."""
    import boto3
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    boto_session = boto3.Session(aws_access_key_id="offline", aws_secret_access_key="offline", region_name=settings.region)  # noqa: S106
    return PipelineSession(boto_session=boto_session, default_bucket=settings.bucket)
