"""Model and RegisterModel steps."""

from typing import Any

from emulator.definition.step_run import StepRun
from emulator.definition.steps.invoke import invoke
from emulator.errors import ApiError
from emulator.protocol import call


def run_model(run: StepRun, arguments: dict[str, Any]) -> dict[str, Any]:
    """Create a model under a new name."""
    name = run.job_name()
    answer = invoke(run, "CreateModel", arguments | {"ModelName": name})
    run.show({"Model": {"Arn": answer["ModelArn"]}})
    return invoke(run, "DescribeModel", {"ModelName": name})


def run_register(run: StepRun, arguments: dict[str, Any]) -> dict[str, Any]:
    """Create a model package, with its group where that is new."""
    if "ModelPackageGroupName" in arguments:
        _ensure_group(run, arguments["ModelPackageGroupName"])
    made_by = {"MetadataProperties": {"GeneratedBy": run.execution} | arguments.get("MetadataProperties", {})}
    answer = invoke(run, "CreateModelPackage", arguments | made_by)
    run.show({"RegisterModel": {"Arn": answer["ModelPackageArn"]}})
    return invoke(run, "DescribeModelPackage", {"ModelPackageName": answer["ModelPackageArn"]})


def _ensure_group(run: StepRun, name: str) -> None:
    try:
        call("sagemaker", "DescribeModelPackageGroup", {"ModelPackageGroupName": name}, run.context)
    except ApiError:
        invoke(run, "CreateModelPackageGroup", {"ModelPackageGroupName": name})
