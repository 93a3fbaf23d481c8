"""What it costs: the default definition and profiles against sums worked out by hand, and the budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.cost.lines import by_component
from pipelines.cost.machines import jobs
from pipelines.cost.month import estimate_month
from pipelines.cost.run import estimate_run, require_budget
from pipelines.errors import BudgetError, PriceError
from pipelines.settings import Settings

GOLDEN = (Path(__file__).parents[2] / "golden" / "pipeline.json").read_text()

# One run by hand: four Processing steps of 4 minutes and a batch forecast of 6 on ml.m5.xlarge, three Train steps of 10 minutes on
# it and three on ml.g5.2xlarge, both on Spot at 40% of the price, 30 GiB of ML volume under each of Processing and Train.
PROCESSING_HOURS, TRAINING_HOURS = 4 * 4 / 60, 6 * 10 / 60
RUN_TRAINING = PROCESSING_HOURS * 0.23 + 0.5 * 0.23 * 0.4 + 0.5 * 1.515 * 0.4 + (PROCESSING_HOURS + TRAINING_HOURS) * 30 * 0.14 / 730
RUN_FORECAST = 6 / 60 * 0.23
GIB = 1024 * 1024  # in KiB


def test_hybrid_is_what_a_hand_calculation_says(housing: Callable[..., Any]) -> None:
    done = housing("cost", "--profile", "hybrid", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)

    by_hand = {
        "endpoint": (176 * 2 + (730 - 176) * 1) * 1.408 + 300_000 * 4 / GIB * 0.016,
        "cpu tier": 2_700_000 * 0.05 * 4 * 0.00002 + 2_700_000 * 4 / GIB * 0.016,
        "training": 8 * RUN_TRAINING,
        "batch": 8 * RUN_FORECAST,
        "front door": 3 * 0.20 + 3_000_000 * 0.08 * 0.5 * 0.0000166667 + 3 * 1.00,
        "storage": 50 * 0.023 + 30 * 0.10,
        "monitoring": 3 * 0.10 + 5 * 0.50 + 1 * 0.40,
    }
    assert said["components"] == pytest.approx(by_hand, abs=1e-3)
    assert said["usd_per_month"] == pytest.approx(sum(by_hand.values()), abs=1e-3)
    assert said["usd_per_month"] == pytest.approx(1303.11, abs=0.01)


def test_two_instances_around_the_clock_are_most_of_realtime() -> None:
    settings = Settings(profile="realtime")
    estimate = estimate_month(GOLDEN, settings)

    assert by_component(estimate.lines)["endpoint"] == pytest.approx(2 * 730 * 1.408 + 3_000_000 * 4 / GIB * 0.016)
    assert "cpu tier" not in by_component(estimate.lines)
    assert estimate.usd == pytest.approx(2070.73, abs=0.01)


def test_batch_has_no_standing_instance_and_runs_every_night() -> None:
    parts = by_component(estimate_month(GOLDEN, Settings(profile="batch")).lines)

    assert "endpoint" not in parts
    assert parts["training"] == pytest.approx(30.417 * RUN_TRAINING)
    assert parts["batch"] == pytest.approx(30.417 * RUN_FORECAST + 20 * 1.408)
    assert sum(parts.values()) == pytest.approx(48.89, abs=0.01)


def test_a_run_without_spot_costs_what_its_machines_cost() -> None:
    def training_usd(spot: bool) -> float:
        definition = json.loads(GOLDEN)
        for step in definition["Steps"]:
            if step["Type"] == "Training":
                step["Arguments"]["EnableManagedSpotTraining"] = spot
        lines = estimate_run(json.dumps(definition), Settings()).lines
        return sum(line.usd for line in lines if line.what.startswith("Train-") and "volume" not in line.what)

    assert training_usd(spot=True) == pytest.approx(0.4 * training_usd(spot=False))


def test_a_parameter_of_the_execution_changes_the_machine() -> None:
    machines = {job.step: job.instance_type for job in jobs(json.loads(GOLDEN), {"TrainingInstanceType": "ml.g5.12xlarge"})}

    assert machines["Train-xgboost"] == "ml.g5.12xlarge"
    assert machines["Train-linear"] == machines["Forecast"] == "ml.m5.xlarge", "the batch forecast stands behind the gate"


def test_every_trial_of_a_tuning_step_is_paid() -> None:
    training = {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10}}
    training |= {"StoppingCondition": {"MaxRuntimeInSeconds": 3600}}
    limits = {"ResourceLimits": {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 3}}
    step = {"Name": "Tune", "Type": "Tuning", "Arguments": {"HyperParameterTuningJobConfig": limits, "TrainingJobDefinition": training}}
    estimate = estimate_run(json.dumps({"Steps": [step]}), Settings())

    assert estimate.lines[0].usd == pytest.approx(12 * 2 * 10 / 60 * 0.115)
    assert estimate.ceiling_usd == pytest.approx(12 * 2 * (0.115 + 10 * 0.14 / 730))


def test_a_budget_below_the_estimate_is_refused_with_the_dearest_step() -> None:
    estimate = estimate_run(GOLDEN, Settings())
    require_budget(estimate, estimate.usd)

    with pytest.raises(
        BudgetError, match=r"--max-usd 0\.1: the run is estimated at \$0\.44, nothing was started; the dearest step is Train-"
    ):
        require_budget(estimate, 0.1)
    limits = 7 * 4 * 0.23 + 3 * 4 * 1.515 + 24 * 0.23 + 10 * 4 * 30 * 0.14 / 730
    assert estimate.ceiling_usd == pytest.approx(limits), "four hours a job, on demand; a day for the batch forecast"


def test_a_machine_without_a_price_is_refused() -> None:
    with pytest.raises(PriceError, match=r"ml\.x9\.huge"):
        estimate_month(GOLDEN, Settings(endpoint_instance_type="ml.x9.huge"))


def test_an_asynchronous_endpoint_pays_for_busy_hours_alone() -> None:
    parts = by_component(estimate_month(GOLDEN, Settings(serving="async")).lines)

    assert parts["endpoint"] == pytest.approx(176 * 2 * 1.408, rel=1e-4)


def test_a_month_of_ones_own_prices(tmp_path: Path) -> None:
    over = tmp_path / "prices.yaml"
    over.write_text("machines: {g5.xlarge: {sagemaker_usd_per_hour: 1.0}}")

    assert by_component(estimate_month(GOLDEN, Settings(prices_file=over)).lines)["endpoint"] == pytest.approx(906, rel=1e-4)


@pytest.mark.parametrize("name", ["batch", "realtime", "hybrid"])
def test_a_profile_is_shown_with_every_reason(housing: Callable[..., Any], name: str) -> None:
    done = housing("profile", "show", name)
    assert done.exit_code == 0, done.output
    assert "busy_hours" in done.output
    assert json.loads(housing("profile", "show", name, "--json").output)["name"] == name


def test_a_profile_that_is_none_is_a_usage_error(housing: Callable[..., Any]) -> None:
    assert housing("profile", "show", "cheap").exit_code == 2
