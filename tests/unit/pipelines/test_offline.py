"""Nothing leaves the computer while a definition is built."""

from __future__ import annotations

import os
import subprocess
import sys

import yaml

from pipelines.definition.offline import DEFAULTS_FILE, offline
from pipelines.settings import Settings

SCRIPT = """
import socket

def refuse(*arguments, **named):
    raise AssertionError(f"a socket was opened: {arguments}")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
from pipelines.export import export
from pipelines.settings import Settings
print(len(export(Settings())))
"""


def test_a_definition_is_built_with_no_credentials_no_region_and_no_socket() -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    finished = subprocess.run([sys.executable, "-c", SCRIPT], env=bare, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) > 10_000
    assert finished.stderr == ""


def test_the_environment_is_as_before_after_a_build() -> None:
    before = dict(os.environ)
    with offline(Settings()):
        assert os.environ["SAGEMAKER_VALIDATE_ROLE"] == "false"
    assert dict(os.environ) == before


def test_the_defaults_file_fits_the_schema_of_the_sdk_and_opts_out() -> None:
    import jsonschema  # type: ignore[import-untyped]
    from sagemaker.core.config.config_schema import SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA

    defaults = yaml.safe_load(DEFAULTS_FILE.read_text())
    jsonschema.validate(defaults, SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA)
    assert defaults["SageMaker"]["PythonSDK"]["Modules"]["TelemetryOptOut"] is True
