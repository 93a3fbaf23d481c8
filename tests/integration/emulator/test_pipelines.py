"""Whole executions of pipeline definitions: order, functions, conditions, caching, retries, stop, retry, selection."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "30d"}}


def _get(reference: str) -> dict[str, str]:
    return {"Get": reference}


def _join(*values: Any, on: str = "/") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def _step(workshop: Any, name: str, script: str, inputs: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """A Processing step with the output `out`, under a prefix of its execution."""
    request = workshop.processing("unused", script)
    del request["ProcessingJobName"]
    request["ProcessingInputs"] = [
        {
            "InputName": key,
            "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{key}", "S3DataType": "S3Prefix", "S3InputMode": "File"},
        }
        for key, uri in (inputs or {}).items()
    ]
    place = _join("s3://workshop/executions", _get("Execution.PipelineExecutionId"), name)
    output = {"S3Uri": place, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    request["ProcessingOutputConfig"] = {"Outputs": [{"OutputName": "out", "S3Output": output}]}
    return {"Name": name, "Type": "Processing", "Arguments": request} | members


def _output(step: str) -> dict[str, str]:
    return _get(f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")


def _fail(name: str, message: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def _condition(name: str, conditions: list[Any], then: list[Any], otherwise: list[Any] = ()) -> dict[str, Any]:
    return {"Name": name, "Type": "Condition", "Arguments": {"Conditions": conditions, "IfSteps": then, "ElseSteps": list(otherwise)}}


def _file(step: str, path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": _get(f"Steps.{step}.PropertyFiles.report"), "Path": path}}


def _report(workshop: Any, name: str, content: dict[str, Any]) -> dict[str, Any]:
    files = [{"PropertyFileName": "report", "OutputName": "out", "FilePath": "report.json"}]
    return _step(workshop, name, f"echo '{json.dumps(content)}' > processing/out/report.json", PropertyFiles=files)


def _outcome(steps: dict[str, Any]) -> dict[str, str]:
    return {name: step["StepStatus"] for name, step in steps.items()}


def test_data_flows_along_property_references(workshop):
    second = _step(workshop, "Second", "tr a-z A-Z < processing/text/text > processing/out/text", {"text": _output("First")})
    workshop.pipeline("flow", [second, _step(workshop, "First", "echo hello > processing/out/text")])
    execution, steps = workshop.execute("flow")
    assert execution["PipelineExecutionStatus"] == "Succeeded"
    identity = execution["PipelineExecutionArn"].rpartition("/")[2]
    assert workshop.read(f"executions/{identity}/Second/text") == b"HELLO\n"
    assert steps["First"]["EndTime"] <= steps["Second"]["StartTime"]
    job = steps["First"]["Metadata"]["ProcessingJob"]["Arn"]
    assert job.rpartition("/")[2].startswith(f"pipelines-{identity}-First-")


def test_parameters_are_typed_and_reach_the_job(workshop):
    parameters = [
        {"Name": "Word", "Type": "String", "DefaultValue": "blue"},
        {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
        {"Name": "Share", "Type": "Float", "DefaultValue": 0.5},
    ]
    step = _step(workshop, "Show", "printenv WORDS > processing/out/words")
    step["Arguments"]["Environment"] = {"WORDS": _join(*map(_get, ("Parameters.Word", "Parameters.Count", "Parameters.Share")), on=" ")}
    workshop.pipeline("parameters", [step], parameters)
    given = [{"Name": "Word", "Value": "red"}, {"Name": "Count", "Value": "7"}]
    execution, _ = workshop.execute("parameters", PipelineParameters=given)
    arn = execution["PipelineExecutionArn"]
    assert workshop.read(f"executions/{arn.rpartition('/')[2]}/Show/words") == b"red 7 0.5\n"
    listed = workshop.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert {item["Name"]: item["Value"] for item in listed} == {"Word": "red", "Count": "7", "Share": "0.5"}


def test_a_number_where_the_service_wants_text_fails_the_step_as_the_service_does(workshop):
    step = _step(workshop, "Show", "true")
    step["Arguments"]["Environment"] = {"COUNT": _get("Parameters.Count")}
    workshop.pipeline("wrong-type", [step], [{"Name": "Count", "Type": "Integer", "DefaultValue": 3}])
    execution, steps = workshop.execute("wrong-type")
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    assert "Failed to invoke sagemaker:CreateProcessingJob" in steps["Show"]["FailureReason"]
    assert "NUMBER_VALUE can not be converted to String at Environment.COUNT" in steps["Show"]["FailureReason"]


@pytest.mark.parametrize(("score", "expected"), [(0.4, {"Pass": "Succeeded"}), (0.9, {"Miss": "Failed"})])
def test_a_condition_on_a_property_file_chooses_the_branch(workshop, score, expected):
    bar = {"Type": "LessThanOrEqualTo", "LeftValue": _file("Score", "gate.bars[0].value"), "RightValue": 0.5}
    miss = _fail("Miss", _join("score ", _file("Score", "gate.bars[0].value"), " is over the bar", on=""))
    after = _step(workshop, "AfterPass", "true", DependsOn=["Pass"])
    gate = _condition("Gate", [bar], [_step(workshop, "Pass", "true"), after], [miss])
    workshop.pipeline("gate", [_report(workshop, "Score", {"gate": {"bars": [{"value": score}]}}), gate])
    execution, steps = workshop.execute("gate")
    passed = score <= 0.5
    assert execution["PipelineExecutionStatus"] == ("Succeeded" if passed else "Failed")
    assert steps["Gate"]["Metadata"]["Condition"]["Outcome"] == str(passed)
    assert expected.items() <= _outcome(steps).items()
    assert ("AfterPass" in steps) == passed
    if not passed:
        assert steps["Miss"]["FailureReason"] == "score 0.9 is over the bar"
        assert steps["Miss"]["Metadata"]["Fail"]["ErrorMessage"] == "score 0.9 is over the bar"


def test_a_missing_path_of_a_property_file_fails_the_step_with_the_path(workshop):
    bar = {"Type": "Equals", "LeftValue": _file("Score", "gate.absent"), "RightValue": 1}
    workshop.pipeline("absent", [_report(workshop, "Score", {"gate": {}}), _condition("Gate", [bar], [])])
    _, steps = workshop.execute("absent")
    assert "'gate.absent': there is no gate.absent" in steps["Gate"]["FailureReason"]


def test_an_unchanged_rerun_is_served_from_the_cache_and_a_change_reruns_what_depends_on_it(workshop):
    def steps(word: str) -> list[dict[str, Any]]:
        train = {"Name": "Train", "Type": "Training", "Arguments": workshop.training("unused"), **CACHED}
        del train["Arguments"]["TrainingJobName"]
        train["Arguments"]["HyperParameters"] = {"word": word}
        # the output path differs from run to run and must not matter
        train["Arguments"]["OutputDataConfig"] = {"S3OutputPath": _join("s3://workshop/t", _get("Execution.PipelineExecutionId"))}
        model = _get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
        return [
            train,
            _step(workshop, "Beside", "echo 1 > processing/out/one", **CACHED),
            _step(workshop, "After", "ls processing/model > processing/out/list", {"model": model, "one": _output("Beside")}, **CACHED),
        ]

    workshop.pipeline("cache", steps("a"))
    first, ran = workshop.execute("cache")
    assert not any("CacheHitResult" in step for step in ran.values())
    _, again = workshop.execute("cache")
    source = {"SourcePipelineExecutionArn": first["PipelineExecutionArn"]}
    assert {name: step.get("CacheHitResult") for name, step in again.items()} == dict.fromkeys(ran, source)
    workshop.pipeline("cache", steps("b"))
    _, changed = workshop.execute("cache")
    assert {name for name, step in changed.items() if "CacheHitResult" in step} == {"Beside"}


def test_a_cached_run_older_than_its_limit_is_not_used(workshop):
    workshop.pipeline("expired", [_step(workshop, "Once", "true", CacheConfig={"Enabled": True, "ExpireAfter": "T1s"})])
    workshop.execute("expired")
    time.sleep(1.1)
    _, steps = workshop.execute("expired")
    assert "CacheHitResult" not in steps["Once"]


def test_a_failed_run_is_never_served_from_the_cache(workshop):
    workshop.pipeline("failing-cache", [_step(workshop, "Bad", "exit 1", **CACHED)])
    for _ in range(2):
        _, steps = workshop.execute("failing-cache")
        assert steps["Bad"]["StepStatus"] == "Failed"
        assert "CacheHitResult" not in steps["Bad"]


def test_a_failed_step_stops_the_others_and_fails_the_execution(workshop):
    slow, bad = _step(workshop, "Slow", "sleep 300"), _step(workshop, "Bad", "sleep 0.5; echo no luck > output/message; exit 2")
    workshop.pipeline("fails", [slow, bad, _step(workshop, "Never", "true", DependsOn=["Slow", "Bad"])])
    execution, steps = workshop.execute("fails")
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    assert _outcome(steps) == {"Slow": "Stopped", "Bad": "Failed"}
    assert steps["Bad"]["FailureReason"] == "ClientError: AlgorithmError: no luck, exit code: 2"
    assert workshop.processes(steps["Slow"]["Metadata"]["ProcessingJob"]["Arn"]) == []


def test_stop_leaves_no_process_and_retry_goes_on_from_there(workshop):
    flag = workshop.put("retry/flag", "sleep 300")
    steps = [
        _step(workshop, "Done", "date +%s%N > processing/out/when"),
        _step(
            workshop, "Held", "sh processing/flag/flag; cp processing/when/when processing/out/", {"flag": flag, "when": _output("Done")}
        ),
    ]
    workshop.pipeline("stop", steps)
    arn = workshop.sagemaker.start_pipeline_execution(PipelineName="stop")["PipelineExecutionArn"]
    workshop.until(lambda: "Metadata" in workshop.steps(arn).get("Held", {}))
    job = workshop.steps(arn)["Held"]["Metadata"]["ProcessingJob"]["Arn"]
    workshop.until(lambda: workshop.processes(job))
    workshop.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert workshop.executed(arn)["PipelineExecutionStatus"] == "Stopped"
    assert _outcome(workshop.steps(arn)) == {"Done": "Succeeded", "Held": "Stopped"}
    assert workshop.processes(job) == []
    with pytest.raises(ClientError, match="can be stopped"):
        workshop.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)

    workshop.put("retry/flag", "true")
    done = workshop.steps(arn)["Done"]
    workshop.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert workshop.executed(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert workshop.steps(arn)["Done"] == done
    assert workshop.steps(arn)["Held"]["StepStatus"] == "Succeeded"


def test_a_start_is_done_once_per_token(workshop):
    workshop.pipeline("token", [_step(workshop, "One", "true")])
    token = "a" * 32
    start = {"PipelineName": "token", "ClientRequestToken": token}
    arns = {workshop.sagemaker.start_pipeline_execution(**start)["PipelineExecutionArn"] for _ in range(3)}
    assert len(arns) == 1
    workshop.executed(arns.pop())
    assert len(workshop.sagemaker.list_pipeline_executions(PipelineName="token")["PipelineExecutionSummaries"]) == 1


def test_no_more_steps_run_at_once_than_allowed(workshop):
    script = "mkdir -p /tmp/$PIPE && touch /tmp/$PIPE/$$ && ls /tmp/$PIPE | wc -l > processing/out/beside && sleep 0.3 && rm /tmp/$PIPE/$$"
    steps = [_step(workshop, f"Step{number}", script) for number in range(5)]
    for step in steps:
        step["Arguments"]["Environment"] = {"PIPE": _get("Execution.PipelineExecutionId")}
    workshop.pipeline("parallel", steps)
    execution, _ = workshop.execute("parallel", ParallelismConfiguration={"MaxParallelExecutionSteps": 2})
    identity = execution["PipelineExecutionArn"].rpartition("/")[2]
    seen = [int(workshop.read(f"executions/{identity}/Step{number}/beside")) for number in range(5)]
    assert max(seen) == 2


def test_a_failure_that_no_policy_names_is_not_retried(workshop):
    train = {"Name": "Train", "Type": "Training", "Arguments": workshop.training("unused", {"ACTION": "fail"})}
    del train["Arguments"]["TrainingJobName"]
    train["RetryPolicies"] = [{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    workshop.pipeline("no-retry", [train])
    _, steps = workshop.execute("no-retry")
    assert (steps["Train"]["StepStatus"], steps["Train"]["AttemptCount"]) == ("Failed", 1)


def test_a_selection_takes_the_rest_from_an_earlier_execution(workshop):
    steps = [
        _step(workshop, "Make", "date +%s%N > processing/out/when"),
        _step(workshop, "Use", "cp processing/when/when processing/out/", {"when": _output("Make")}),
        _step(workshop, "Other", "true"),
    ]
    workshop.pipeline("select", steps)
    first, _ = workshop.execute("select")
    source = first["PipelineExecutionArn"]
    config = {"SourcePipelineExecutionArn": source, "SelectedSteps": [{"StepName": "Use"}]}
    second, ran = workshop.execute("select", SelectiveExecutionConfig=config)
    assert _outcome(ran) == {"Make": "Succeeded", "Use": "Succeeded"}
    assert ran["Make"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    make, use = source.rpartition("/")[2], second["PipelineExecutionArn"].rpartition("/")[2]
    assert workshop.read(f"executions/{use}/Use/when") == workshop.read(f"executions/{make}/Make/when")


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
def test_a_lambda_step_hands_on_its_outputs_or_its_error(workshop, body, reason):
    arn = _function(workshop, f"step-{len(body)}", f"def handler(event, context):\n    {body}\n")
    outputs = [{"OutputName": name, "OutputType": "Integer"} for name in ("double", "list")]
    call = {
        "Name": "Call",
        "Type": "Lambda",
        "FunctionArn": arn,
        "Arguments": {"number": _get("Parameters.N")},
        "OutputParameters": outputs,
    }
    said = _join(_get("Steps.Call.OutputParameters['double']"), _get("Steps.Call.OutputParameters['list'][1]"), on=" ")
    workshop.pipeline("function", [call, _fail("End", said)], [{"Name": "N", "Type": "Integer", "DefaultValue": 21}])
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


def test_a_callback_step_waits_for_its_answer(workshop):
    ask, mail = _callback(workshop, "ask")
    colour = _get("Steps.Ask.OutputParameters['colour']")
    workshop.pipeline("ask", [ask, _fail("End", colour)])
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


def test_register_model_and_transform_follow_training(workshop):
    train = {"Name": "Train", "Type": "Training", "Arguments": workshop.training("unused", {"ACTION": "word"})}
    del train["Arguments"]["TrainingJobName"]
    container = {"Image": workshop.image, "ModelDataUrl": _get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}
    specification = {"Containers": [container], "SupportedContentTypes": ["text/plain"], "SupportedResponseMIMETypes": ["text/plain"]}
    register = {"ModelPackageGroupName": "flowers", "InferenceSpecification": specification}
    uri = workshop.put("flowers/in.txt", "rose\ntulip\n")
    transform = {
        "ModelName": _get("Steps.Model.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "SplitType": "Line"},
        "TransformOutput": {
            "S3OutputPath": _join("s3://workshop/flowers", _get("Execution.PipelineExecutionId")),
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


def test_a_transform_is_cached_by_what_its_model_is_and_not_by_its_name(workshop):
    model = workshop.put("garden/model/word", "fine").rpartition("word")[0]
    data = {"S3DataSource": {"S3Uri": model, "S3DataType": "S3Prefix", "CompressionType": "None"}}
    container = {"Image": workshop.image, "ModelDataSource": data}
    uri = workshop.put("garden/in.txt", "rose\n")
    transform = {
        "ModelName": _get("Steps.Model.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": "s3://workshop/garden/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    steps = [
        {"Name": "Model", "Type": "Model", "Arguments": {"ExecutionRoleArn": workshop.role, "PrimaryContainer": container}},
        {"Name": "Transform", "Type": "Transform", "Arguments": transform, **CACHED},
    ]
    workshop.pipeline("garden", steps)
    _, first = workshop.execute("garden")
    assert first["Transform"]["StepStatus"] == "Succeeded", first
    _, second = workshop.execute("garden")
    assert "CacheHitResult" in second["Transform"]


def _text(*steps: dict[str, Any]) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": steps})


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{", "not JSON"),
        (_text({"Name": "E", "Type": "EMR", "Arguments": {}}), "'EMR', which this emulator does not"),
        (_text(_fail("A", "x"), _fail("A", "y")), "two steps named 'A'"),
        (_text(_fail("A", _get("Steps.B.Name"))), "the step 'B', which"),
        (_text(_fail("A", _get("Parameters.P"))), "the parameter 'P', which"),
        (_text(_fail("A", "x") | {"DependsOn": ["B"]}, _fail("B", "x") | {"DependsOn": ["A"]}), r"cycle among the steps \['A', 'B'\]"),
    ],
)
def test_a_wrong_definition_is_refused_before_anything_runs(workshop, definition, message):
    with pytest.raises(ClientError, match=message) as caught:
        workshop.sagemaker.create_pipeline(PipelineName="wrong", PipelineDefinition=definition, RoleArn=workshop.role)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_parameters_without_value_and_unknown_ones_are_refused(workshop):
    workshop.pipeline("needs", [_fail("End", _get("Parameters.Word"))], [{"Name": "Word", "Type": "String"}])
    with pytest.raises(ClientError, match=r"parameters \['Word'\] have no default"):
        workshop.sagemaker.start_pipeline_execution(PipelineName="needs")
    given = [{"Name": "Word", "Value": "x"}, {"Name": "Wrod", "Value": "x"}]
    with pytest.raises(ClientError, match=r"\['Wrod'\] are not in the pipeline definition"):
        workshop.sagemaker.start_pipeline_execution(PipelineName="needs", PipelineParameters=given)


def test_a_pipeline_lives_from_create_to_delete(workshop):
    definition = _text(_fail("End", "over"))
    create = {"PipelineName": "life", "RoleArn": workshop.role}
    workshop.put("definitions/life.json", definition)
    location = {"Bucket": "workshop", "ObjectKey": "definitions/life.json"}
    arn = workshop.sagemaker.create_pipeline(**create, PipelineDefinitionS3Location=location)["PipelineArn"]
    assert workshop.sagemaker.describe_pipeline(PipelineName="life")["PipelineDefinition"] == definition
    with pytest.raises(ClientError, match="already exists"):
        workshop.sagemaker.create_pipeline(**create, PipelineDefinition=definition)
    workshop.sagemaker.update_pipeline(PipelineName="life", PipelineDescription="short")
    assert workshop.sagemaker.describe_pipeline(PipelineName=arn)["PipelineDescription"] == "short"
    version = workshop.sagemaker.update_pipeline(PipelineName="life", PipelineDefinition=definition)["PipelineVersionId"]
    assert workshop.sagemaker.describe_pipeline(PipelineName="life", PipelineVersionId=version)["PipelineName"] == "life"
    with pytest.raises(ClientError, match=f"the latest version of a pipeline only: that of life is {version}"):
        workshop.sagemaker.start_pipeline_execution(PipelineName="life", PipelineVersionId=version - 1)
    execution, _ = workshop.execute("life")
    shown = workshop.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution["PipelineExecutionArn"])
    assert shown["PipelineDefinition"] == definition
    workshop.sagemaker.delete_pipeline(PipelineName="life")
    with pytest.raises(workshop.sagemaker.exceptions.ResourceNotFound, match="does not exist"):
        workshop.sagemaker.describe_pipeline(PipelineName="life")
