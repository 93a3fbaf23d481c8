"""An emulator with small shell images for jobs, and short ways to start and await them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import lifecycle

WORKSHOP = Path(__file__).parent / "workshop"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/workshop:1"
ROLE = "arn:aws:iam::123456789012:role/jobs"
BUCKET = "workshop"
_LIMIT_SECONDS = 60


class Workshop:
    """boto3 clients of one emulator, and requests with the parts that no test is about."""

    image, role, bucket = IMAGE, ROLE, BUCKET

    def __init__(self, emulator: Any) -> None:
        self.emulator, self.home = emulator, emulator.home
        self.sagemaker = emulator.client("sagemaker")
        self.sagemaker.meta.events.register("after-call.sagemaker.*", _check_answer)
        self.s3 = emulator.client("s3")

    def put(self, key: str, content: str | bytes) -> str:
        """Write an object and return its URI."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    def read(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def training(self, name: str, env: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
        """A CreateTrainingJob request."""
        return {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/trained"},
            "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "Environment": env or {},
        } | members

    def processing(self, name: str, script: str, **members: Any) -> dict[str, Any]:
        """A CreateProcessingJob request that runs a shell script in the base folder."""
        script = f"cd $SAGEMAKER_BASE_DIR && mkdir -p output && {script}"
        return {
            "ProcessingJobName": name,
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["sh", "-c", script]},
            "RoleArn": ROLE,
            "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}},
        } | members

    def train(self, name: str, env: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
        """Run a training job to its end and describe it."""
        self.sagemaker.create_training_job(**self.training(name, env, **members))
        return self.trained(name)

    def trained(self, name: str) -> dict[str, Any]:
        return until(lambda: self.sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")

    def process(self, name: str, script: str, **members: Any) -> dict[str, Any]:
        """Run a processing job to its end and describe it."""
        self.sagemaker.create_processing_job(**self.processing(name, script, **members))
        return until(lambda: self.sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")

    def transform(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a transform job to its end and describe it."""
        self.sagemaker.create_transform_job(**request)
        return self.transformed(request["TransformJobName"])

    def transformed(self, name: str) -> dict[str, Any]:
        return until(lambda: self.sagemaker.describe_transform_job(TransformJobName=name), "TransformJobStatus")

    def tuned(self, name: str) -> dict[str, Any]:
        describe = self.sagemaker.describe_hyper_parameter_tuning_job
        return until(lambda: describe(HyperParameterTuningJobName=name), "HyperParameterTuningJobStatus")

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + _LIMIT_SECONDS
        while not condition():
            assert time.monotonic() < end, "it never came to pass"
            time.sleep(0.02)

    def until_printed(self, group: str, job: str, text: str) -> None:
        """Wait until a job has printed something."""
        log = self.home / "logs" / group / job / "algo-1.log"
        self.until(lambda: log.is_file() and text in log.read_text())

    def processes(self, text: str) -> list[int]:
        """The living processes with this text in their environment."""
        found = []
        for folder in (item for item in Path("/proc").iterdir() if item.name.isdigit()):
            try:
                if text.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def log(self, group: str, job: str, host: str = "algo-1") -> str:
        return (self.home / "logs" / group / job / f"{host}.log").read_text()

    def pipeline(self, name: str, steps: list[dict[str, Any]], parameters: list[dict[str, Any]] | None = None) -> None:
        """Create or replace a pipeline."""
        definition = json.dumps({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": steps})
        known = {item["PipelineName"] for item in self.sagemaker.list_pipelines(PipelineNamePrefix=name)["PipelineSummaries"]}
        call = self.sagemaker.update_pipeline if name in known else self.sagemaker.create_pipeline
        call(PipelineName=name, PipelineDefinition=definition, RoleArn=ROLE)

    def execute(self, name: str, **members: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Run an execution to its end: its description, and its steps by name."""
        arn = self.sagemaker.start_pipeline_execution(PipelineName=name, **members)["PipelineExecutionArn"]
        return self.executed(arn), self.steps(arn)

    def executed(self, arn: str) -> dict[str, Any]:
        return until(lambda: self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn), "PipelineExecutionStatus")

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        pages = self.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
        return {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}


class Build:
    """Parts of pipeline definitions."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def get(self, reference: str) -> dict[str, str]:
        return {"Get": reference}

    def join(self, *values: Any, on: str = "/") -> dict[str, Any]:
        return {"Std:Join": {"On": on, "Values": list(values)}}

    def output(self, step: str) -> dict[str, str]:
        """Where the output of a `processing` step is."""
        return self.get(f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")

    def value(self, step: str, path: str) -> dict[str, Any]:
        """A value of a `report` step's file."""
        return {"Std:JsonGet": {"PropertyFile": self.get(f"Steps.{step}.PropertyFiles.report"), "Path": path}}

    def processing(self, name: str, script: str, inputs: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        """A Processing step with the output `out`, under a prefix of its execution."""
        request = self._workshop.processing("unused", script)
        del request["ProcessingJobName"]
        mode = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
        request["ProcessingInputs"] = [
            {"InputName": key, "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{key}"} | mode}
            for key, uri in (inputs or {}).items()
        ]
        place = self.join("s3://workshop/executions", self.get("Execution.PipelineExecutionId"), name)
        output = {"S3Uri": place, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
        request["ProcessingOutputConfig"] = {"Outputs": [{"OutputName": "out", "S3Output": output}]}
        return {"Name": name, "Type": "Processing", "Arguments": request} | members

    def report(self, name: str, content: dict[str, Any]) -> dict[str, Any]:
        """A Processing step that writes `content` to a property file."""
        files = [{"PropertyFileName": "report", "OutputName": "out", "FilePath": "report.json"}]
        return self.processing(name, f"echo '{json.dumps(content)}' > processing/out/report.json", PropertyFiles=files)

    def condition(self, name: str, conditions: list[Any], then: list[Any], otherwise: list[Any] = ()) -> dict[str, Any]:
        return {"Name": name, "Type": "Condition", "Arguments": {"Conditions": conditions, "IfSteps": then, "ElseSteps": list(otherwise)}}

    def fail(self, name: str, message: Any) -> dict[str, Any]:
        return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}

    def outcome(self, steps: dict[str, Any]) -> dict[str, str]:
        """The status of each step."""
        return {name: step["StepStatus"] for name, step in steps.items()}


def _check_answer(model: Any, parsed: dict[str, Any], **_: Any) -> None:
    """Every answer has the members that its shape requires: SDKs with typed answers rely on them."""
    if "Error" not in parsed and model.output_shape is not None:
        missing = list(_missing(parsed, model.output_shape, model.name))
        assert not missing, missing


def _missing(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from (f"{path}.{name}" for name in shape.required_members if name not in value)
        for name, member in shape.members.items():
            if name in value:
                yield from _missing(value[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from _missing(item, shape.member, path)


def until(describe: Any, status: str) -> dict[str, Any]:
    """Ask until the status is none of those that pass."""
    end = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < end:
        answer = describe()
        if answer[status] not in ("InProgress", "Stopping", "Executing", "Starting"):
            return dict(answer)
        time.sleep(0.02)
    raise AssertionError(f"{status} is still {answer[status]} after {_LIMIT_SECONDS} s")


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, start_emulator: Any) -> Iterator[Workshop]:
    """One emulator for all job tests: no waits that only imitate the service, and two seconds to obey a SIGTERM."""
    home = tmp_path_factory.mktemp("workshop") / "home"
    images = home.with_suffix(".images.yaml")
    images.write_text(json.dumps({"images": [{"match": "*/workshop:*", "folder": str(WORKSHOP), "path": ["bin"]}]}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMULATOR_WAIT_SCALE", "0")
        patch.setenv("EMULATOR_STOP_GRACE_SECONDS", "2")
        shop = Workshop(start_emulator(home, images))
    shop.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield shop
    lifecycle.down(home)


@pytest.fixture(scope="session")
def build(workshop: Workshop) -> Build:
    """Parts of pipeline definitions."""
    return Build(workshop)
