"""Hyperparameter tuning: training jobs with different hyperparameters, and the best of them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def _definition(workshop: Any, action: str = "tune") -> dict[str, Any]:
    """A TrainingJobDefinition whose score is its hyperparameter x."""
    training = workshop.training("unused", {"ACTION": action})
    del training["TrainingJobName"]
    training["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "score=([0-9.]+);"}]
    return training | {"StaticHyperParameters": {"seed": "1"}}


def _config(strategy: str, ranges: dict[str, Any], kind: str = "Maximize", most: int = 4) -> dict[str, Any]:
    limits = {"MaxParallelTrainingJobs": 2} | ({} if strategy == "Grid" else {"MaxNumberOfTrainingJobs": most})
    objective = {"Type": kind, "MetricName": "score"}
    return {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": objective,
        "ResourceLimits": limits,
        "ParameterRanges": ranges,
        "RandomSeed": 3,
    }


GRID = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["0.2", "0.9", "0.5"]}]}
LINE = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.1", "MaxValue": "0.8", "ScalingType": "Logarithmic"}]}


def _tune(workshop: Any, name: str, config: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    request = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobConfig": config, "TrainingJobDefinition": definition}
    workshop.sagemaker.create_hyper_parameter_tuning_job(**request)
    return workshop.tuned(name)


def test_a_grid_tries_every_value_and_finds_the_best(workshop):
    described = _tune(workshop, "grid", _config("Grid", GRID), _definition(workshop))
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["TrainingJobStatusCounters"]["Completed"] == 3
    best = described["BestTrainingJob"]
    assert best["TunedHyperParameters"] == {"x": "0.9"}
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(0.9)
    job = workshop.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert job["HyperParameters"] == {"x": "0.9", "seed": "1", "_tuning_objective_metric": "score"}
    listed = workshop.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="grid", SortBy="FinalObjectiveMetricValue", SortOrder="Descending"
    )
    assert [trial["TunedHyperParameters"]["x"] for trial in listed["TrainingJobSummaries"]] == ["0.9", "0.5", "0.2"]


def test_draws_stay_in_their_range_and_repeat_with_the_seed(workshop):
    def values(name: str) -> list[float]:
        _tune(workshop, name, _config("Random", LINE, "Minimize"), _definition(workshop))
        listed = workshop.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return sorted(float(trial["TunedHyperParameters"]["x"]) for trial in listed["TrainingJobSummaries"])

    first, second = values("draw-1"), values("draw-2")
    assert first == second
    assert len(set(first)) == 4
    assert 0.1 <= min(first) <= max(first) <= 0.8
    best = workshop.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="draw-1")["BestTrainingJob"]
    assert float(best["TunedHyperParameters"]["x"]) == first[0]


def test_a_tuning_job_without_any_objective_has_failed(workshop):
    described = _tune(workshop, "fruitless", _config("Grid", GRID), _definition(workshop, "fail"))
    assert described["HyperParameterTuningJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("ClientError: No objective metrics found")
    assert described["TrainingJobStatusCounters"]["NonRetryableError"] == 3


def test_a_stopped_tuning_job_stops_its_training_jobs(workshop):
    request = {"HyperParameterTuningJobConfig": _config("Grid", GRID), "TrainingJobDefinition": _definition(workshop, "wait")}
    workshop.sagemaker.create_hyper_parameter_tuning_job(HyperParameterTuningJobName="halt", **request)
    workshop.until(lambda: len(workshop.processes("TRAINING_JOB_NAME=halt-")) >= 2)
    workshop.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="halt")
    assert workshop.tuned("halt")["HyperParameterTuningJobStatus"] == "Stopped"
    assert workshop.processes("TRAINING_JOB_NAME=halt-") == []


def test_hyperband_ends_what_promises_nothing_and_keeps_the_best(workshop):
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["0.9", "0.1", "0.2"]}]}
    config = _config("Hyperband", ranges, most=6) | {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 9}}}
    described = _tune(workshop, "band", config, _definition(workshop, "epochs"))
    counts = described["TrainingJobStatusCounters"]
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert counts["Completed"] + counts["Stopped"] == 6
    assert counts["Stopped"] >= 1
    best = described["BestTrainingJob"]
    trials = workshop.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="band")[
        "TrainingJobSummaries"
    ]
    highest = max(float(trial["TunedHyperParameters"]["x"]) for trial in trials)
    assert (best["TrainingJobStatus"], float(best["TunedHyperParameters"]["x"])) == ("Completed", highest)
    assert all(trial["ObjectiveStatus"] == "Succeeded" for trial in trials if "FinalHyperParameterTuningJobObjectiveMetric" in trial)


def test_hyperband_wants_to_know_how_long_a_job_may_train(workshop):
    with pytest.raises(ClientError, match="MaxResource"):
        _tune(workshop, "endless", _config("Hyperband", LINE), _definition(workshop))
    with pytest.raises(ClientError, match="must be Off"):
        twice = _config("Hyperband", LINE) | {"TrainingJobEarlyStoppingType": "Auto"}
        _tune(workshop, "twice", twice, _definition(workshop))


def test_a_tuning_step_hands_on_its_best_model(workshop):
    arguments = {"HyperParameterTuningJobConfig": _config("Grid", GRID), "TrainingJobDefinition": _definition(workshop)}
    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "30d"}}
    tune = {"Name": "Tune", "Type": "Tuning", "Arguments": arguments, **cached}
    best = {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['x']"}}}
    workshop.pipeline("tune", [tune, best])
    _, steps = workshop.execute("tune")
    assert steps["End"]["FailureReason"] == "0.9"
    assert "hyper-parameter-tuning-job/" in steps["Tune"]["Metadata"]["TuningJob"]["Arn"]
    _, again = workshop.execute("tune")
    assert "CacheHitResult" in again["Tune"]
