"""SageMaker's Python SDK, unmodified, against the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

OPT_OUT = "SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"


@pytest.mark.slow
def test_the_sdk_trains_with_logs_runs_a_pipeline_keeps_models_and_hosts_one(workshop, tmp_path):
    workshop.put("sdk-input/a.csv", "1,2")
    workshop.put("sdk-model/word", "fine")
    (tmp_path / "config.yaml").write_text(OPT_OUT)
    settings = {
        "SAGEMAKER_VALIDATE_ROLE": "false",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(tmp_path / "config.yaml"),
        "OMP_NUM_THREADS": "1",
        "HOME": str(tmp_path),
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | workshop.emulator.env | settings
    words = [sys.executable, str(Path(__file__).with_name("sdk_flow.py")), workshop.image, workshop.role]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["trained"]["status"] == "Completed"
    assert result["trained"]["model"].startswith("s3://workshop/sdk/sdk-train")
    assert "loss=0.25" in done.stdout + done.stderr
    assert result["piped"] == {"status": "Succeeded", "steps": ["Succeeded"]}
    assert (result["modelled"]["found"], result["modelled"]["left"]) == (["sdk-model"], [])
    assert "Completed" in result["modelled"]["jobs"]
    assert "fine ROSE" in result["hosted"]["answer"]
