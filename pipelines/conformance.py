"""The same flows against whatever AWS the environment points to, and what it answered, in a form that two of them can be compared in.

A small pipeline run, an approval, a serverless endpoint, a forecast, wrong calls, and the teardown in any case. Names, times, ids and
numbers are left out: what is kept are statuses, the order of steps, which fields an answer has, and the codes of errors.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipelines import endpoint, follow, launch, registry, snapshot
from pipelines.aws import client, error_code, for_caller
from pipelines.cost.execution import cost_of_execution
from pipelines.lineage import lineage
from pipelines.settings import Settings
from pipelines.teardown import inventory, teardown

NAME = "housing-conformance"
REGION_ASKED = "Austin"

OVERRIDES: dict[str, Any] = {
    "pipeline_name": NAME,
    "model_package_group": NAME,
    "endpoint_name": NAME,
    "function_name": NAME,
    "serving": "serverless",
    "train_steps": {"baselines": ("naive", "drift")},
    "origins": 3,
    "ablation": False,
    "processing_instance_type": "ml.m5.large",
    "baselines_instance_type": "ml.m5.large",
    "transform_instance_type": "ml.m5.large",
    "volume_size_gib": 5,
    "max_run_seconds": 1800,
    "max_wait_seconds": 3600,
    "max_loss_ratio": 5.0,
    "min_coverage80": 0.01,
    "max_coverage80": 1.0,
    "max_calibration_error": 1.0,
}
"""Small machines, little work, bars that any model meets, and names that nothing else has."""

Facts = dict[str, Any]


def settings_of(given: Settings) -> Settings:
    """The settings of a run: those given, with a bucket of its own and everything small."""
    called = for_caller(given)
    chosen = called.model_dump(include=called.model_fields_set)
    return Settings(**{**chosen, "bucket": f"{NAME}-{called.account_id}-{called.region}", **OVERRIDES})


@dataclass(frozen=True)
class Flow:
    """One stretch of the road and the facts that it leaves."""

    name: str
    go: Callable[[Settings, Path], Facts]


def run(settings: Settings, source: Path, say: Callable[[str], None]) -> Facts:
    """Run every flow in order; a failed one ends the road, is noted, and everything is taken down in any case."""
    facts: Facts = {}
    try:
        for flow in FLOWS:
            say(f"conformance: {flow.name}")
            facts[flow.name] = flow.go(settings, source)
    except Exception as error:
        facts["failed"] = f"{flow.name}: {type(error).__name__}: {error}"
        raise
    finally:
        say("conformance: teardown")
        teardown(settings, everything=True)
        facts["teardown"] = {"left": list(inventory(settings, everything=True).removed)}
    return facts


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Where two records differ, one line each."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        keys = sorted({*ours, *theirs})
        return [line for key in keys for line in differences(ours.get(key), theirs.get(key), f"{where}.{key}" if where else key)]
    return [] if ours == theirs else [f"{where}: emulator {json.dumps(ours)}, AWS {json.dumps(theirs)}"]


def _pipeline(settings: Settings, source: Path) -> Facts:
    started = launch.launch(source, settings.horizon_months, settings, lambda _: None)
    final = list(follow.follow(started.execution_arn, settings))[-1]
    follow.require_success(final, settings)
    sagemaker = client("sagemaker", settings)
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=started.execution_arn)
    steps = [step for page in pages for step in page["PipelineExecutionSteps"]]
    return {
        "status": final.status,
        "steps": {step["StepName"]: [step["StepStatus"], sorted(step.get("Metadata", {}))] for step in steps},
        "execution fields": _fields(sagemaker.describe_pipeline_execution(PipelineExecutionArn=started.execution_arn)),
        "job fields": {step.job_kind: _job_fields(sagemaker, step) for step in final.steps if step.job_name},
    }


def _registry(settings: Settings, _: Path) -> Facts:
    package = registry.newest(settings)
    registry.approve(package.arn, "conformance", settings)
    facts = client("sagemaker", settings).describe_model_package(ModelPackageName=package.arn)
    return {
        "before": package.status,
        "after": facts["ModelApprovalStatus"],
        "reason": facts.get("ApprovalDescription"),
        "status": facts["ModelPackageStatus"],
        "specifications": [one["Name"] for one in facts.get("AdditionalInferenceSpecifications", [])],
        "fields": _fields(facts),
    }


def _endpoint(settings: Settings, _: Path) -> Facts:
    (done,) = endpoint.deploy(registry.newest(settings, "Approved"), settings)
    body = {"inputs": [{"item_id": REGION_ASKED}], "parameters": {"prediction_length": 3}}
    reply = client("sagemaker-runtime", settings).invoke_endpoint(
        EndpointName=settings.endpoint_name, ContentType="application/json", Body=json.dumps(body)
    )
    answer = json.loads(reply["Body"].read())
    sagemaker = client("sagemaker", settings)
    there = sagemaker.describe_endpoint(EndpointName=settings.endpoint_name)
    return {
        "action": done.action,
        "status": there["EndpointStatus"],
        "fields": _fields(there),
        "variant fields": sorted(there["ProductionVariants"][0]),
        "content type": reply["ContentType"].partition(";")[0],
        "answer fields": sorted(answer["predictions"][0]),
        "again": endpoint.deploy(registry.newest(settings, "Approved"), settings)[0].action,
        "versions traced": [origin.version for origin in lineage(settings.endpoint_name, settings)],
    }


def _errors(settings: Settings, _: Path) -> Facts:
    """The codes of calls about things that do not exist."""
    sagemaker, runtime = client("sagemaker", settings), client("sagemaker-runtime", settings)
    absent = f"{NAME}-absent"
    calls: dict[str, Callable[[], Any]] = {
        "DescribeEndpoint": lambda: sagemaker.describe_endpoint(EndpointName=absent),
        "DescribeModel": lambda: sagemaker.describe_model(ModelName=absent),
        "DescribeTrainingJob": lambda: sagemaker.describe_training_job(TrainingJobName=absent),
        "DescribePipeline": lambda: sagemaker.describe_pipeline(PipelineName=absent),
        "CreateEndpoint": lambda: sagemaker.create_endpoint(EndpointName=absent, EndpointConfigName=absent),
        "InvokeEndpoint": lambda: runtime.invoke_endpoint(EndpointName=absent, Body=b"{}"),
        "refused by the model": lambda: runtime.invoke_endpoint(
            EndpointName=settings.endpoint_name, ContentType="application/json", Body=b'{"inputs": [{"item_id": "Atlantis"}]}'
        ),
    }
    return {name: _code(call) for name, call in calls.items()}


def _money(settings: Settings, _: Path) -> Facts:
    """That the executed steps can be priced; the sums are printed, not compared."""
    newest = client("sagemaker", settings).list_pipeline_executions(PipelineName=settings.pipeline_name)["PipelineExecutionSummaries"][0]
    cost = cost_of_execution(newest["PipelineExecutionArn"], settings)
    print(f"conformance: the run cost ${cost.usd:.4f}, Spot saved ${cost.saved_usd:.4f}", file=sys.stderr)  # noqa: T201
    return {"steps": sorted(step.step for step in cost.steps)}


FLOWS = (
    Flow("pipeline", _pipeline),
    Flow("registry", _registry),
    Flow("endpoint", _endpoint),
    Flow("errors", _errors),
    Flow("money", _money),
)


def _job_fields(sagemaker: Any, step: snapshot.StepState) -> list[str]:
    describe = {
        "ProcessingJob": "describe_processing_job",
        "TrainingJob": "describe_training_job",
        "TransformJob": "describe_transform_job",
    }
    return _fields(getattr(sagemaker, describe[step.job_kind])(**{f"{step.job_kind}Name": step.job_name}))


def _fields(answer: Mapping[str, Any]) -> list[str]:
    return sorted(set(answer) - {"ResponseMetadata"})


def _code(call: Callable[[], Any]) -> str:
    try:
        call()
    except ClientError as error:
        return error_code(error)
    return "no error"


def main(source: str, record: str) -> None:
    """Run against the environment's AWS and write the record: `python -m pipelines.conformance SOURCE RECORD.json`."""
    facts: Facts = {}
    try:
        facts = run(settings_of(Settings()), Path(source), lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    finally:
        Path(record).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
