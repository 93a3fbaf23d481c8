"""Failures on purpose reach endpoints and invocations too."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from emulator import lifecycle


def test_capacity_and_throttling_come_from_the_faults_file(tmp_path, start_emulator, hosting_of):
    home = tmp_path / "home"
    try:
        emulator = start_emulator(home)
        hosting, functions = hosting_of(emulator), emulator.client("lambda")
        rules = [{"operation": "sagemaker-runtime:InvokeEndpoint", "times": 1}, {"operation": "lambda:Invoke", "times": 1}]
        (home / "faults.yaml").write_text(json.dumps({"capacity": [{"instance_type": "ml.g5.*", "times": 1}], "operations": rules}))
        hosting.model("scarce")
        hosting.config("scarce", scarce=1.0)
        hosting.endpoint("first", "scarce", wait=False)
        assert "InsufficientInstanceCapacity" in hosting.wait("first", "Failed")["FailureReason"]
        hosting.endpoint("second", "scarce")
        with pytest.raises(ClientError, match="ThrottlingException"):
            hosting.invoke("second")
        assert hosting.invoke("second")["name"] == "scarce"
        with pytest.raises(ClientError, match="ThrottlingException"):
            functions.invoke(FunctionName="absent")
        with pytest.raises(functions.exceptions.ResourceNotFoundException):
            functions.invoke(FunctionName="absent")
    finally:
        lifecycle.down(home)
