"""A pipeline is put in place once, started, followed to its end, joined and stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import execution, launch, snapshot
from pipelines.errors import ExecutionError
from pipelines.follow import follow, require_success
from pipelines.settings import Settings

ROLE = "arn:aws:iam::123456789012:role/housing-sagemaker"


def processing(name: str, script: str, **members: Any) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    arguments = {
        "AppSpecification": {"ImageUri": "registry/toy:1", "ContainerEntrypoint": ["sh", "-c", script]},
        "ProcessingResources": {"ClusterConfig": cluster},
        "RoleArn": ROLE,
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **members}


def definition(*steps: dict[str, Any]) -> str:
    parameters = [{"Name": "SourceUri", "Type": "String"}, {"Name": "Horizon", "Type": "Integer", "DefaultValue": 12}]
    parameters.append({"Name": "ApprovedUri", "Type": "String", "DefaultValue": "s3://b/approved"})
    parameters.append({"Name": "CodeVersion", "Type": "String", "DefaultValue": "unknown"})
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": list(steps)})


def start(settings: Settings, *steps: dict[str, Any]) -> str:
    execution.upsert(definition(*steps), settings)
    return execution.start({"SourceUri": "s3://b/k", "Horizon": "3"}, settings)


def test_only_a_changed_pipeline_is_updated(settings: Settings) -> None:
    first, other = definition(processing("A", "true")), definition(processing("A", "false"))
    assert [execution.upsert(text, settings) for text in (first, first, other, other)] == ["created", "unchanged", "updated", "unchanged"]
    assert execution.upsert(other, settings.model_copy(update={"parallel_steps": 2})) == "updated"


def test_an_execution_is_followed_to_its_end(settings: Settings) -> None:
    arn = start(settings, processing("A", "true"))
    last = list(follow(arn, settings))[-1]
    require_success(last, settings)
    step = last.step("A")
    assert step is not None
    assert (last.status, step.status, step.job_kind) == ("Succeeded", "Succeeded", "ProcessingJob")
    assert execution.newest(settings) == arn
    assert execution.parameters_of(arn, settings).items() >= {"SourceUri": "s3://b/k", "Horizon": "3"}.items()
    assert execution.running(settings) is None


def test_a_failed_step_is_named_with_its_last_log_line(settings: Settings) -> None:
    arn = start(settings, processing("A", "echo the panel is empty; exit 1"))
    last = list(follow(arn, settings))[-1]
    with pytest.raises(ExecutionError, match=r"A failed: .*the panel is empty"):
        require_success(last, settings)


def test_a_reason_is_not_repeated_as_the_last_log_line(settings: Settings) -> None:
    output = "${SAGEMAKER_BASE_DIR:-/opt/ml}/output"
    script = f"mkdir -p {output}; echo no price > {output}/message; echo failed: no price; exit 1"
    last = list(follow(start(settings, processing("A", script)), settings))[-1]
    with pytest.raises(ExecutionError) as raised:
        require_success(last, settings)
    assert str(raised.value).count("no price") == 1


def test_a_killed_job_is_one_line_with_the_remedy(settings: Settings) -> None:
    last = list(follow(start(settings, processing("A", "echo epoch 3; kill -9 $$")), settings))[-1]
    with pytest.raises(ExecutionError, match=r"^A failed: .*killed by signal 9.*start `housing run` again$") as raised:
        require_success(last, settings)
    assert "\n" not in str(raised.value)


def test_data_that_is_gone_under_a_cached_step_is_one_line_whose_remedy_works(settings: Settings, aws: Any) -> None:
    folder = f"s3://toys/{settings.pipeline_name}"
    script = "echo 1 > ${SAGEMAKER_BASE_DIR:-/opt/ml}/processing/output/made/file"
    making = processing("Make", script, CacheConfig={"Enabled": True, "ExpireAfter": "P1D"})
    reading = processing("Read", "true")
    output = {
        "OutputName": "made",
        "S3Output": {"S3Uri": folder, "LocalPath": "/opt/ml/processing/output/made", "S3UploadMode": "EndOfJob"},
    }
    making["Arguments"]["ProcessingOutputConfig"] = {"Outputs": [output]}
    uri = {"Get": "Steps.Make.ProcessingOutputConfig.Outputs['made'].S3Output.S3Uri"}
    given = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/input/made", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    reading["Arguments"]["ProcessingInputs"] = [{"InputName": "made", "S3Input": given}]
    require_success(list(follow(start(settings, making, reading), settings))[-1], settings)
    aws.client("s3").delete_object(Bucket="toys", Key=f"{settings.pipeline_name}/file")
    last = list(follow(start(settings, making, reading), settings))[-1]
    with pytest.raises(ExecutionError, match=r"^Read failed: .*No S3 objects found .*`HOUSING_CACHE_EXPIRY=PT1M housing run`$") as raised:
        require_success(last, settings)
    assert "\n" not in str(raised.value)
    making["CacheConfig"]["ExpireAfter"] = "PT0S"
    require_success(list(follow(start(settings, making, reading), settings))[-1], settings)


def test_the_job_of_a_cached_step_is_found_in_the_execution_that_ran_it(settings: Settings) -> None:
    cached = processing("A", "true", CacheConfig={"Enabled": True, "ExpireAfter": "P1D"})
    ran = list(follow(start(settings, cached), settings))[-1].step("A")
    reused = list(follow(start(settings, cached), settings))[-1].step("A")
    assert ran is not None
    assert reused is not None
    assert (ran.cached, reused.cached) == (False, True)
    assert snapshot.origin_of(reused, settings).job_name == ran.job_name != ""


def test_a_repeated_launch_joins_the_execution_that_does_just_this(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "export_cached", lambda settings: definition(processing("A", "sleep 60")))
    (tmp_path / "panel.csv.gz").write_text("x")
    said: list[str] = []
    first = launch.launch(tmp_path, 3, settings, said.append)
    again = launch.launch(tmp_path, 3, settings, said.append)
    other = launch.launch(tmp_path, 4, settings, said.append)
    assert (first.attached, again.attached, other.attached) == (False, True, False)
    assert first.execution_arn == again.execution_arn != other.execution_arn
    assert said[0] == f"pipeline {settings.pipeline_name}: created"
    for started in (first, other):
        execution.stop(started.execution_arn, settings)
        assert list(follow(started.execution_arn, settings))[-1].status == "Stopped"


def test_a_pipeline_that_never_ran_has_no_newest_execution(settings: Settings) -> None:
    assert execution.running(settings) is None
    with pytest.raises(ExecutionError, match="no execution has succeeded; start one with `housing run`"):
        execution.newest(settings)


def test_the_exported_definition_is_taken_as_it_is(settings: Settings) -> None:
    golden = Path(__file__).parents[2] / "golden" / "pipeline.json"
    assert execution.upsert(golden.read_text(), settings) == "created"
