"""Steps that are no job of data: Lambda, Callback, RegisterModel and Model, and the Transform that follows."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "30d"}}


def _function(workshop: Any, name: str, code: str) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("app.py", code)
    request = {"Runtime": "python3.11", "Role": workshop.role, "Handler": "app.handler", "Code": {"ZipFile": archive.getvalue()}}
    return str(workshop.emulator.client("lambda").create_function(FunctionName=name, **request)["FunctionArn"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return {'double': 2 * event['number'], 'list': [1, 2]}", "42 2"),
        ("raise ValueError('no number')", "no number"),
        ("return {'double': 2}", "has no output 'list'"),
    ],
)
def test_a_lambda_step_hands_on_its_outputs_or_its_error(workshop, build, body, reason):
    arn = _function(workshop, f"step-{len(body)}", f"def handler(event, context):\n    {body}\n")
    outputs = [{"OutputName": name, "OutputType": "Integer"} for name in ("double", "list")]
    call = {
        "Name": "Call",
        "Type": "Lambda",
        "FunctionArn": arn,
        "Arguments": {"number": build.get("Parameters.N")},
        "OutputParameters": outputs,
    }
    said = build.join(build.get("Steps.Call.OutputParameters['double']"), build.get("Steps.Call.OutputParameters['list'][1]"), on=" ")
    workshop.pipeline("function", [call, build.fail("End", said)], [{"Name": "N", "Type": "Integer", "DefaultValue": 21}])
    _, steps = workshop.execute("function")
    assert reason in steps.get("End", steps["Call"])["FailureReason"]
    if "End" in steps:
        assert steps["Call"]["Metadata"]["Lambda"]["Arn"] == arn


def _callback(workshop: Any, name: str) -> tuple[dict[str, Any], Any]:
    sqs = workshop.emulator.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    outputs = [{"OutputName": "colour", "OutputType": "String"}]
    return {"Name": "Ask", "Type": "Callback", "SqsQueueUrl": queue, "Arguments": {"count": 3}, "OutputParameters": outputs}, (sqs, queue)


def _message(mail: tuple[Any, str]) -> dict[str, Any]:
    sqs, queue = mail
    return json.loads(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]["Body"])


def test_a_callback_step_waits_for_its_answer(workshop, build):
    ask, mail = _callback(workshop, "ask")
    colour = build.get("Steps.Ask.OutputParameters['colour']")
    workshop.pipeline("ask", [ask, build.fail("End", colour)])
    arn = workshop.sagemaker.start_pipeline_execution(PipelineName="ask")["PipelineExecutionArn"]
    message = _message(mail)
    assert (message["arguments"], message["pipelineExecutionArn"]) == ({"count": 3}, arn)
    answer = {"CallbackToken": message["token"], "OutputParameters": [{"Name": "colour", "Value": "blue"}]}
    workshop.sagemaker.send_pipeline_execution_step_success(**answer)
    workshop.executed(arn)
    assert workshop.steps(arn)["End"]["FailureReason"] == "blue"
    with pytest.raises(workshop.sagemaker.exceptions.ResourceNotFound, match="No step waits"):
        workshop.sagemaker.send_pipeline_execution_step_success(**answer)


def test_a_callback_step_fails_with_the_reason_it_is_given_and_can_be_stopped(workshop):
    ask, mail = _callback(workshop, "refuse")
    workshop.pipeline("refuse", [ask])
    arns = [workshop.sagemaker.start_pipeline_execution(PipelineName="refuse")["PipelineExecutionArn"] for _ in range(2)]
    messages = {message["pipelineExecutionArn"]: message for message in (_message(mail), _message(mail))}
    token = messages[arns[0]]["token"]
    workshop.sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="nobody is there")
    workshop.executed(arns[0])
    assert workshop.steps(arns[0])["Ask"]["FailureReason"] == "ClientError: nobody is there"
    workshop.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arns[1])
    assert workshop.executed(arns[1])["PipelineExecutionStatus"] == "Stopped"


def test_register_model_and_transform_follow_training(workshop, build):
    train = {"Name": "Train", "Type": "Training", "Arguments": workshop.training("unused", {"ACTION": "word"})}
    del train["Arguments"]["TrainingJobName"]
    container = {"Image": workshop.image, "ModelDataUrl": build.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}
    specification = {"Containers": [container], "SupportedContentTypes": ["text/plain"], "SupportedResponseMIMETypes": ["text/plain"]}
    register = {"ModelPackageGroupName": "flowers", "InferenceSpecification": specification}
    uri = workshop.put("flowers/in.txt", "rose\ntulip\n")
    transform = {
        "ModelName": build.get("Steps.Model.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "SplitType": "Line"},
        "TransformOutput": {
            "S3OutputPath": build.join("s3://workshop/flowers", build.get("Execution.PipelineExecutionId")),
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    steps = [
        train,
        {"Name": "Register", "Type": "RegisterModel", "Arguments": register},
        {"Name": "Model", "Type": "Model", "Arguments": {"ExecutionRoleArn": workshop.role, "PrimaryContainer": container}},
        {"Name": "Transform", "Type": "Transform", "Arguments": transform, **CACHED},
    ]
    workshop.pipeline("flowers", steps)
    execution, ran = workshop.execute("flowers")
    assert execution["PipelineExecutionStatus"] == "Succeeded", ran
    identity = execution["PipelineExecutionArn"].rpartition("/")[2]
    assert workshop.read(f"flowers/{identity}/in.txt.out") == b"fine ROSE\nfine TULIP\n"
    package = workshop.sagemaker.describe_model_package(ModelPackageName=ran["Register"]["Metadata"]["RegisterModel"]["Arn"])
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["MetadataProperties"]["GeneratedBy"] == execution["PipelineExecutionArn"]
    assert ran["Model"]["Metadata"]["Model"]["Arn"].rpartition("/")[2].startswith(f"pipelines-{identity}-Model-")
