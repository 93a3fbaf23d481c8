"""A run that finds no machines takes the next choice: Spot by type, then on demand by type; what was done is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import campaign, capacity, execution, launch
from pipelines.details import Details
from pipelines.encryption import volume_key
from pipelines.follow import require_success
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot

ROLE = "arn:aws:iam::123456789012:role/housing-sagemaker"


def training(settings: Settings) -> dict[str, Any]:
    """A Train step that does nothing, on the machine that the parameter names."""
    waits = {"MaxWaitTimeInSeconds": 300} if settings.use_spot else {}
    key = volume_key(settings.training_instance_type, settings)
    machines = {"InstanceType": {"Get": "Parameters.TrainingInstanceType"}, "InstanceCount": 1, "VolumeSizeInGB": 5}
    return {
        "Name": "Train-toy",
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {
                "TrainingImage": "registry/toy:1",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["sh", "-c", "echo epoch 1"],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://toys/{settings.pipeline_name}"},
            "ResourceConfig": machines | ({"VolumeKmsKeyId": key} if key else {}),
            "StoppingCondition": {"MaxRuntimeInSeconds": 60, **waits},
            "EnableManagedSpotTraining": settings.use_spot,
        },
    }


def definition(settings: Settings) -> str:
    parameters = [{"Name": name, "Type": "String", "DefaultValue": "x"} for name in ("SourceUri", "ApprovedUri", "CodeVersion")]
    parameters += [
        {"Name": "Horizon", "Type": "Integer", "DefaultValue": 12},
        {"Name": "TrainingInstanceType", "Type": "String", "DefaultValue": settings.training_instance_type},
        {"Name": "BaselinesInstanceType", "Type": "String", "DefaultValue": settings.baselines_instance_type},
    ]
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": [training(settings)]})


@pytest.fixture(autouse=True)
def toy_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "export_cached", definition)


@pytest.fixture
def scarce(aws: Any) -> Iterator[Callable[..., None]]:
    """Says which instance types have no capacity, and for how many looks."""
    path: Path = aws.home / "faults.yaml"

    def write(*types: str, **limits: int) -> None:
        rules = [{"instance_type": kind} for kind in types] + [{"instance_type": f"ml.{k}.xlarge", "times": n} for k, n in limits.items()]
        path.write_text(json.dumps({"capacity": rules}))

    yield write
    path.unlink(missing_ok=True)


def last(snapshots: Any) -> Snapshot:
    return list(snapshots)[-1]


def begin(settings: Settings, folder: Path, said: list[str]) -> str:
    (folder / "panel.csv.gz").write_text("x")
    return launch.launch(folder, 3, settings, said.append).execution_arn


def machine(final: Snapshot, aws: Any) -> tuple[str, bool]:
    step = final.step("Train-toy")
    assert step is not None
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=step.job_name)
    return job["ResourceConfig"]["InstanceType"], job["EnableManagedSpotTraining"]


def test_scarce_spot_takes_the_next_type_and_says_its_price(settings: Settings, tmp_path: Path, aws: Any, scarce: Any) -> None:
    scarce("ml.g5.2xlarge")
    said: list[str] = []
    final = campaign.see_through(begin(settings, tmp_path, said), settings, said.append, last)
    assert final.status == "Succeeded"
    assert machine(final, aws) == ("ml.g5.xlarge", True)
    assert any("training on Spot: ml.g5.2xlarge at about $0.606/h (on demand $1.515/h)" in line for line in said)
    (moved,) = [line for line in said if "MaxWaitTimeExceeded" in line]
    assert moved.startswith("Train-toy found no ml.g5.2xlarge (MaxWaitTimeExceeded); now Spot: ml.g5.xlarge at about $0.563/h")


def test_without_any_spot_the_run_goes_on_demand_and_the_pipeline_stays_as_it_was(
    settings: Settings, tmp_path: Path, aws: Any, scarce: Any
) -> None:
    scarce("ml.g5.2xlarge", g5=5, g4dn=5)  # a Spot job looks five times within its longest wait
    said: list[str] = []
    final = campaign.see_through(begin(settings, tmp_path, said), settings, said.append, last)
    assert machine(final, aws) == ("ml.g5.xlarge", False)
    moves = [line.partition("; now ")[::2] for line in said if "; now " in line]
    assert [(why.rpartition("(")[2], where.split(" at ")[0]) for why, where in moves] == [
        ("MaxWaitTimeExceeded)", "Spot: ml.g5.xlarge"),
        ("MaxWaitTimeExceeded)", "Spot: ml.g4dn.xlarge"),
        ("MaxWaitTimeExceeded)", "on demand: ml.g5.2xlarge"),
        ("CapacityError)", "on demand: ml.g5.xlarge"),
    ]
    require_success(final, settings)
    there = aws.client("sagemaker").describe_pipeline(PipelineName=settings.pipeline_name)["PipelineDefinition"]
    assert json.loads(there) == json.loads(definition(settings))


def test_a_machine_that_takes_no_volume_key_gets_none_when_it_stands_in_for_one_that_does(
    settings: Settings, tmp_path: Path, aws: Any, scarce: Any
) -> None:
    chosen = {"kms_key_id": "alias/housing", "training_instance_type": "ml.m5.xlarge", "training_fallback_types": ("ml.g5.xlarge",)}
    settings = settings.model_copy(update=chosen)
    scarce("ml.m5.xlarge")
    final = campaign.see_through(begin(settings, tmp_path, []), settings, lambda _: None, last)
    step = final.step("Train-toy")
    assert step is not None
    machines = aws.client("sagemaker").describe_training_job(TrainingJobName=step.job_name)["ResourceConfig"]
    assert (final.status, machines["InstanceType"], "VolumeKmsKeyId" in machines) == ("Succeeded", "ml.g5.xlarge", False)
    there = aws.client("sagemaker").describe_pipeline(PipelineName=settings.pipeline_name)["PipelineDefinition"]
    assert "alias/housing" in there, "the pipeline itself stays that of the usual machine"


def test_when_nothing_is_left_the_run_fails_with_the_shortage(settings: Settings, tmp_path: Path, scarce: Any) -> None:
    scarce("ml.*")
    poor = settings.model_copy(update={"use_spot": False, "training_fallback_types": (), "baselines_fallback_types": ()})
    said: list[str] = []
    final = campaign.see_through(begin(poor, tmp_path, said), poor, said.append, last)
    assert final.status == "Failed"
    assert said[-1] == "Train-toy found no ml.g5.2xlarge (CapacityError); no other machine is listed"


def test_a_failure_of_another_kind_is_not_tried_elsewhere(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "export_cached", lambda settings: definition(settings).replace("echo epoch 1", "exit 3"))
    said: list[str] = []
    arn = begin(settings, tmp_path, said)
    assert campaign.see_through(arn, settings, said.append, last).execution_arn == arn


def test_the_details_of_a_step_have_market_money_and_the_last_line(settings: Settings, tmp_path: Path) -> None:
    final = last(campaign.follow(begin(settings, tmp_path, []), settings))
    detail = Details(settings).of(final)["Train-toy"]
    assert (detail.market, detail.interruptions, detail.line) == ("Spot", 0, "epoch 1")
    assert detail.billable_seconds >= 1
    assert detail.usd is not None
    assert detail.usd > 0
    assert execution.running(settings) is None


def test_choices_go_from_spot_to_demand_and_end() -> None:
    settings = Settings()
    listed = capacity.choices(settings)
    assert [(choice.training_instance_type, choice.spot) for choice in listed] == [
        (kind, spot) for spot in (True, False) for kind in ("ml.g5.2xlarge", "ml.g5.xlarge", "ml.g4dn.xlarge")
    ]
    assert capacity.after(listed[2], settings) == listed[3]
    assert capacity.after(listed[-1], settings) is None
    stranger = capacity.Choice("ml.p4d.24xlarge", "ml.m5.xlarge", True)
    assert capacity.after(stranger, settings) == listed[3]
    assert len(capacity.choices(settings.model_copy(update={"use_spot": False}))) == 3
