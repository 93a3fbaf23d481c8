"""Tuning runs the very training job of the pipeline, with other hyperparameters, and ends with the best of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import tuning
from pipelines.errors import ExecutionError
from pipelines.settings import Settings
from pipelines.shapes import problems

HOUSING = [sys.executable, "-m", "cli.main"]
SMALL = {
    "HOUSING_PIPELINE_NAME": "tuned",
    "HOUSING_MODEL_PACKAGE_GROUP": "tuned",
    "HOUSING_TRAIN_STEPS": '{"baselines": ["naive"], "linear": ["linear"]}',
    "HOUSING_ORIGINS": "3",
    "HOUSING_MAX_LOSS_RATIO": "9",
    "HOUSING_MIN_COVERAGE80": "0.01",
    "HOUSING_MAX_COVERAGE80": "1",
    "HOUSING_MAX_CALIBRATION_ERROR": "1",
    "HOUSING_ABLATION": "false",
}


def housing(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HOUSING, *words], env={**os.environ, **SMALL}, capture_output=True, text=True, timeout=300, check=False)


def test_a_member_is_tuned_on_the_data_of_the_newest_execution(synthetic_source: Path) -> None:
    early = housing("tune", "--member", "linear", "--max-jobs", "2", "-y")
    assert (early.returncode, early.stderr.count("\n")) == (1, 1)
    assert "start one with `housing run`" in early.stderr
    ran = housing("run", "--panel", str(synthetic_source / "panel.csv.gz"), "-y")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    tuned = housing("tune", "--member", "linear", "--max-jobs", "3", "-y", "--json")
    assert tuned.returncode == 0, tuned.stderr + tuned.stdout
    found = json.loads(tuned.stdout)
    assert found["status"] == "Completed"
    assert 0 < found["trials"][0]["loss"] < 1
    assert "penalty" in found["trials"][0]["hyperparameters"]
    assert "1: completed, loss 0." in tuned.stderr
    wrong = housing("tune", "--member", "oracle", "-y")
    assert wrong.returncode == 1
    assert wrong.stderr == "housing: --member oracle: has nothing to tune; choose one of xgboost, catboost, neural, linear\n"


@pytest.mark.parametrize("member", list(tuning.RANGES))
def test_the_request_is_what_the_service_takes(member: str) -> None:
    import boto3

    job = {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File", "MetricDefinitions": []},
        "HyperParameters": {"members": member, "seed": "7"},
        "RoleArn": "arn:aws:iam::123456789012:role/housing-sagemaker",
        "InputDataConfig": [{"ChannelName": "panel", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}}}],
        "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        "EnableManagedSpotTraining": True,
    }
    request = tuning.build(member, 20, 2, job, Settings())
    shape = boto3.client("sagemaker", "eu-west-1").meta.service_model.operation_model("CreateHyperParameterTuningJob").input_shape
    assert list(problems(json.loads(json.dumps(request)), shape)) == []
    assert request["HyperParameterTuningJobConfig"]["Strategy"] == "Hyperband"


def test_a_member_without_hyperparameters_is_refused() -> None:
    with pytest.raises(ExecutionError, match="choose one of xgboost"):
        tuning.trained("naive", Settings())
