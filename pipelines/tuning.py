"""Tuning: a hyperparameter tuning job over the very entry point that the pipeline trains with, by Hyperband.

The data, the image and the machines are those of the newest succeeded execution: its Train step of the member. A training job prints the
validation loss after each scored origin of its backtest; that is the resource by which Hyperband ends the ones that promise nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines import execution, snapshot
from pipelines.aws import client
from pipelines.errors import ExecutionError
from pipelines.polling import pauses
from pipelines.settings import Settings

OBJECTIVE = "validation:scaled_quantile_loss"
RUNNING = frozenset({"InProgress", "Stopping"})
STRATEGY = "Hyperband"

RANGES: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "xgboost": {
        "rounds": ("Integer", "20", "200"),
        "depth": ("Integer", "3", "8"),
        "learning_rate": ("Logarithmic", "0.02", "0.3"),
        "half_life_years": ("Continuous", "2", "20"),
    },
    "catboost": {
        "rounds": ("Integer", "30", "300"),
        "depth": ("Integer", "3", "8"),
        "learning_rate": ("Logarithmic", "0.03", "0.3"),
        "half_life_years": ("Continuous", "2", "20"),
    },
    "neural": {
        "steps": ("Integer", "100", "1500"),
        "hidden": ("Integer", "16", "96"),
        "learning_rate": ("Logarithmic", "0.0005", "0.01"),
        "input_dropout": ("Continuous", "0.0", "0.95"),
    },
    "linear": {"penalty": ("Logarithmic", "100", "100000"), "half_life_years": ("Continuous", "2", "20")},
}
"""Member -> hyperparameter -> (kind, lowest, highest)."""


@dataclass(frozen=True)
class Trial:
    """One training job of a tuning job: its hyperparameters, and its loss where it got so far."""

    name: str
    status: str
    loss: float | None
    hyperparameters: dict[str, str]


@dataclass(frozen=True)
class Tuning:
    """A tuning job as it stands; the best trial first."""

    name: str
    status: str
    reason: str
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        return next((trial for trial in self.trials if trial.loss is not None), None)


def start(member: str, max_jobs: int, max_parallel: int, settings: Settings) -> str:
    """Create the tuning job and return its name.

    Errors: ExecutionError when the member has nothing to tune, or no execution has trained it.
    """
    request = build(member, max_jobs, max_parallel, trained(member, settings), settings)
    client("sagemaker", settings).create_hyper_parameter_tuning_job(**request)
    return str(request["HyperParameterTuningJobName"])


def trained(member: str, settings: Settings) -> dict[str, Any]:
    """The description of the newest training job of the member in a succeeded execution."""
    if member not in RANGES:
        raise ExecutionError(f"--member {member}: has nothing to tune; choose one of {', '.join(RANGES)}")
    taken = snapshot.take(execution.newest(settings), settings)
    step = next((step for step in taken.steps if step.name == f"Train-{member}"), None)
    origin = None if step is None else snapshot.origin_of(step, settings)
    if origin is None or not origin.job_name:
        raise ExecutionError(f"--member {member}: the newest execution has no step Train-{member}; see HOUSING_TRAIN_STEPS")
    described: dict[str, Any] = client("sagemaker", settings).describe_training_job(TrainingJobName=origin.job_name)
    return described


def build(member: str, max_jobs: int, max_parallel: int, job: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The request, from the training job that the pipeline ran. Trials keep no checkpoints: most are meant to end early."""
    name = f"{settings.pipeline_name[:14]}-{member[:8]}-{uuid.uuid4().hex[:6]}"
    algorithm = job["AlgorithmSpecification"]
    spot = bool(job.get("EnableManagedSpotTraining", False))
    definition = {
        "AlgorithmSpecification": {
            "TrainingImage": algorithm["TrainingImage"],
            "TrainingInputMode": algorithm["TrainingInputMode"],
            "MetricDefinitions": algorithm["MetricDefinitions"],
        },
        "StaticHyperParameters": dict(job["HyperParameters"]),
        "RoleArn": job["RoleArn"],
        "InputDataConfig": job["InputDataConfig"],
        "OutputDataConfig": {"S3OutputPath": f"{settings.prefix}/tuning/{name}"},
        "ResourceConfig": job["ResourceConfig"],
        "StoppingCondition": job["StoppingCondition"],
        "EnableManagedSpotTraining": spot,
        "EnableNetworkIsolation": job.get("EnableNetworkIsolation", False),
    }
    if settings.kms_key_id:
        definition["OutputDataConfig"]["KmsKeyId"] = settings.kms_key_id
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": STRATEGY,
            "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": settings.origins + 1}},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": OBJECTIVE},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": max_jobs, "MaxParallelTrainingJobs": min(max_parallel, max_jobs)},
            "ParameterRanges": _ranges(member),
            "RandomSeed": settings.seed,
        },
        "TrainingJobDefinition": definition,
    }


def _ranges(member: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {"IntegerParameterRanges": [], "ContinuousParameterRanges": []}
    for name, (kind, low, high) in RANGES[member].items():
        item = {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": "Logarithmic" if kind == "Logarithmic" else "Auto"}
        found["IntegerParameterRanges" if kind == "Integer" else "ContinuousParameterRanges"].append(item)
    return found


def take(name: str, settings: Settings) -> Tuning:
    """Ask the service for the tuning job and its trials."""
    sagemaker = client("sagemaker", settings)
    job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(HyperParameterTuningJobName=name)
    trials = [_trial(item) for page in pages for item in page["TrainingJobSummaries"]]
    ranked = sorted(trials, key=lambda trial: (trial.loss is None, trial.loss or 0.0))
    return Tuning(name, job["HyperParameterTuningJobStatus"], job.get("FailureReason", ""), tuple(ranked))


def follow(name: str, settings: Settings) -> Iterator[Tuning]:
    """The tuning job from time to time until it has ended, the last state included."""
    for pause in pauses(first_seconds=0.5, last_seconds=15.0):
        current = take(name, settings)
        yield current
        if current.status not in RUNNING:
            return
        time.sleep(pause)


def _trial(item: Mapping[str, Any]) -> Trial:
    metric = item.get("FinalHyperParameterTuningJobObjectiveMetric", {})
    return Trial(item["TrainingJobName"], item["TrainingJobStatus"], metric.get("Value"), dict(item["TunedHyperParameters"]))
