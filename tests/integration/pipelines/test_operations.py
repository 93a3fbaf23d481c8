"""Status, lineage, card and teardown of what was really run: the whole small pipeline, its endpoint, its function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cli.faults import one_line
from cli.main import app
from pipelines import registry
from pipelines.card import to_markdown
from pipelines.settings import Settings
from pipelines.teardown import inventory, teardown

NAMES = {f"HOUSING_{name}": "operations" for name in ("PIPELINE_NAME", "MODEL_PACKAGE_GROUP", "ENDPOINT_NAME", "FUNCTION_NAME")}
SMALL = NAMES | {
    "HOUSING_BUCKET": "operations-bucket",
    "HOUSING_TRAIN_STEPS": '{"baselines": ["naive", "drift"]}',
    "HOUSING_ORIGINS": "3",
    "HOUSING_MAX_LOSS_RATIO": "5",
    "HOUSING_MIN_COVERAGE80": "0.01",
    "HOUSING_MAX_COVERAGE80": "1",
    "HOUSING_MAX_CALIBRATION_ERROR": "1",
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, aws: Any) -> None:
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)


BEFORE: set[str] = set()
"""Models of other tests: the emulator is shared, and a pipeline's models have names of the service's making."""


@pytest.fixture(autouse=True)
def others(aws: Any) -> Iterator[None]:
    BEFORE.update(model["ModelName"] for model in all_models(aws))
    yield
    BEFORE.clear()


def all_models(aws: Any) -> list[Any]:
    return [model for page in aws.client("sagemaker").get_paginator("list_models").paginate() for model in page["Models"]]


@pytest.fixture
def run(others: None, tmp_path: Path, synthetic_source: Path) -> Iterator[None]:
    """A model trained, approved with a reason and deployed, by the commands; removed again at the end."""
    ran = json.loads(housing("run", *words_of(synthetic_source)))
    assert (ran["status"], ran["reason"], ran["steps"][0]["name"]) == ("Succeeded", "", "Ingest")
    decided = json.loads(housing("approve", "--reason", "the scores are good", "--json"))
    assert decided == {"version": 1, "arn": ran["model_package_arn"], "status": "Approved"}
    housing("deploy", "--yes")
    yield
    teardown(Settings(), everything=True)


def words_of(source: Path) -> tuple[str, ...]:
    return ("--panel", str(source / "panel.csv.gz"), "--lag", "sales=1", "--max-usd", "1", "--yes", "--json")


def housing(*words: str, status: int = 0) -> str:
    """What a command says in this process; its error stream and the line of an expected error too when it should fail."""
    done = CliRunner().invoke(app, words)
    line = one_line(done.exception) if isinstance(done.exception, Exception) else None
    assert done.exit_code == status, done.output + str(done.exception)
    return str(done.stdout) + (str(done.stderr) + (line or "") if status else "")


def leftovers(aws: Any) -> dict[str, list[Any]]:
    """What the list calls of every service still say of ours."""
    sagemaker, contains = aws.client("sagemaker"), {"NameContains": "operations"}
    scaling = aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    return {
        "endpoints": sagemaker.list_endpoints(**contains)["Endpoints"],
        "configs": sagemaker.list_endpoint_configs(**contains)["EndpointConfigs"],
        "models": [model for model in all_models(aws) if model["ModelName"] not in BEFORE],
        "pipelines": sagemaker.list_pipelines(PipelineNamePrefix="operations")["PipelineSummaries"],
        "groups": sagemaker.list_model_package_groups(**contains)["ModelPackageGroupSummaryList"],
        "functions": [one for one in aws.client("lambda").list_functions()["Functions"] if one["FunctionName"] == "operations"],
        "alarms": aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="operations")["MetricAlarms"],
        "targets": [target for target in scaling if "operations" in target["ResourceId"]],
        "buckets": [bucket for bucket in aws.client("s3").list_buckets()["Buckets"] if bucket["Name"] == "operations-bucket"],
    }


def test_what_was_made_is_shown_priced_traced_restored_and_removed(aws: Any, run: None, synthetic_source: Path, tmp_path: Path) -> None:
    said = json.loads(housing("status", "--json"))
    assert [state for _, state, _ in said["executions"]] == ["Succeeded"]
    assert said["packages"] == [[1, "Approved"]]
    gpu, cpu = said["endpoints"]
    assert (gpu["serving"], gpu["version"], gpu["usd_per_hour"], cpu["serving"], cpu["usd_per_hour"]) == (
        "realtime",
        1,
        1.408,
        "serverless",
        0,
    )
    assert "standing price: $1.408 an hour" in housing("status")

    cost = json.loads(housing("cost", "--execution", "newest", "--json"))
    assert {step["step"] for step in cost["steps"]} == {"Ingest", "Prepare", "Train-baselines", "Ensemble", "Evaluate", "Forecast"}
    for step in cost["steps"]:
        on_volume = 30 * 0.14 / 730 if step["step"] != "Forecast" else 0
        by_hand = (step["billable_seconds"] * 0.23 + step["running_seconds"] * on_volume) / 3600
        assert step["usd"] == pytest.approx(by_hand)
    assert "no such execution" in housing("cost", "--execution", "absent", status=1)

    (origin, *_) = json.loads(housing("lineage", "--json"))
    assert (origin["version"], origin["reason"], origin["source"]["name"]) == (1, "the scores are good", "panel")
    assert origin["content_key"]
    assert origin["code_version"] not in {"", "unknown"}
    assert "version 1, Approved: the scores are good" in housing("lineage")

    housing("card", "--out", str(tmp_path / "card.md"))
    card = (tmp_path / "card.md").read_text()
    assert "# operations 1" in card
    assert "share of prices inside the 80% interval" in card
    kept = aws.client("sagemaker").describe_model_package(ModelPackageName=origin["package_arn"])["ModelCard"]
    assert (kept["ModelCardStatus"], to_markdown(json.loads(kept["ModelCardContent"]))) == ("Approved", card)

    sagemaker = aws.client("sagemaker")
    artifact = registry.describe(origin["package_arn"], Settings()).container
    sagemaker.delete_model_package(ModelPackageName=origin["package_arn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName="operations")
    again = json.loads(housing("run", *words_of(synthetic_source)))
    ran_again = {step["name"] for step in again["steps"] if not step["source_execution"]}
    assert ran_again == {"QualityGate", "Register", "CreateModel"}, "docs/aws.md: a lost registry comes back without training"
    housing("approve")
    assert registry.newest(Settings(), "Approved").container == artifact

    job = yaml.safe_load(housing("eks", "render", "--execution", "newest", "--step", "baselines"))
    prepared = job["metadata"]["annotations"]["housing/prepared-uri"]
    for name in ("prepared/plan.json", "key/key.json"):  # of the first run: the second took Prepare from the cache
        bucket, _, prefix = prepared.removeprefix("s3://").partition("/")
        assert aws.client("s3").head_object(Bucket=bucket, Key=f"{prefix}/{name}")["ContentLength"]
    assert "step xgboost: is not among HOUSING_TRAIN_STEPS" in housing(
        "eks", "render", "--execution", "newest", "--step", "xgboost", status=1
    )
    assert housing("eks", "model").strip() == artifact["ModelDataUrl"]

    group = sagemaker.describe_model_package_group(ModelPackageGroupName="operations")["ModelPackageGroupArn"]
    for arn in (sagemaker.describe_endpoint(EndpointName="operations")["EndpointArn"], group):
        assert {"Key": "project", "Value": "housing-crisis-ml"} in sagemaker.list_tags(ResourceArn=arn)["Tags"], arn

    found = inventory(Settings())
    assert "endpoint operations" in found.removed
    assert any("bucket operations-bucket" in one for one in found.kept)
    assert "add -y to go on" in housing("teardown", status=2)
    assert leftovers(aws)["endpoints"], "nobody agreed, so nothing is gone"
    assert "stays: model package operations/2" in housing("teardown", "--yes")
    left = {kind for kind, things in leftovers(aws).items() if things}
    assert left == {"groups", "buckets"}
    housing("teardown", "--everything", "--yes")
    assert {kind: things for kind, things in leftovers(aws).items() if things} == {}
    assert "there is nothing to remove" in plan_of("teardown", "--everything")


def plan_of(*words: str) -> str:
    """The plan of a command, which goes to the error stream."""
    return str(CliRunner().invoke(app, [*words, "--dry-run"]).stderr)


def test_a_run_over_its_budget_is_refused_before_anything_is_made(aws: Any, synthetic_source: Path) -> None:
    told = housing("run", "--panel", str(synthetic_source / "panel.csv.gz"), "--max-usd", "0.01", "--yes", status=1)
    assert "--max-usd 0.01: the run is estimated at $" in told
    assert "nothing was started" in told
    assert leftovers(aws)["pipelines"] == []


def test_a_dry_run_shows_the_plan_and_makes_nothing(aws: Any) -> None:
    told = plan_of("run")
    assert "plan: run pipeline operations" in told
    assert "price: about $" in told
    assert leftovers(aws)["pipelines"] == []


def test_an_endpoint_that_does_not_exist_has_no_lineage(aws: Any) -> None:
    assert "endpoint absent: does not exist" in housing("lineage", "absent", status=1)


def test_a_version_that_does_not_exist_is_told(aws: Any) -> None:
    assert "has no version 9" in housing("approve", "--version", "9", status=1)
