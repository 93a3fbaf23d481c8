"""Executions of pipeline definitions: order, functions, conditions, failure, stop, retry, selection."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def test_data_flows_along_property_references(workshop, build):
    second = build.processing("Second", "tr a-z A-Z < processing/text/text > processing/out/text", {"text": build.output("First")})
    workshop.pipeline("flow", [second, build.processing("First", "echo hello > processing/out/text")])
    execution, steps = workshop.execute("flow")
    assert execution["PipelineExecutionStatus"] == "Succeeded"
    identity = execution["PipelineExecutionArn"].rpartition("/")[2]
    assert workshop.read(f"executions/{identity}/Second/text") == b"HELLO\n"
    assert steps["First"]["EndTime"] <= steps["Second"]["StartTime"]
    job = steps["First"]["Metadata"]["ProcessingJob"]["Arn"]
    assert job.rpartition("/")[2].startswith(f"pipelines-{identity}-First-")


def test_parameters_are_typed_and_reach_the_job(workshop, build):
    parameters = [
        {"Name": "Word", "Type": "String", "DefaultValue": "blue"},
        {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
        {"Name": "Share", "Type": "Float", "DefaultValue": 0.5},
    ]
    step = build.processing("Show", "printenv WORDS > processing/out/words")
    step["Arguments"]["Environment"] = {
        "WORDS": build.join(*map(build.get, ("Parameters.Word", "Parameters.Count", "Parameters.Share")), on=" ")
    }
    workshop.pipeline("parameters", [step], parameters)
    given = [{"Name": "Word", "Value": "red"}, {"Name": "Count", "Value": "7"}]
    execution, _ = workshop.execute("parameters", PipelineParameters=given)
    arn = execution["PipelineExecutionArn"]
    assert workshop.read(f"executions/{arn.rpartition('/')[2]}/Show/words") == b"red 7 0.5\n"
    listed = workshop.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert {item["Name"]: item["Value"] for item in listed} == {"Word": "red", "Count": "7", "Share": "0.5"}


def test_a_number_where_the_service_wants_text_fails_the_step_as_the_service_does(workshop, build):
    step = build.processing("Show", "true")
    step["Arguments"]["Environment"] = {"COUNT": build.get("Parameters.Count")}
    workshop.pipeline("wrong-type", [step], [{"Name": "Count", "Type": "Integer", "DefaultValue": 3}])
    execution, steps = workshop.execute("wrong-type")
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    assert "Failed to invoke sagemaker:CreateProcessingJob" in steps["Show"]["FailureReason"]
    assert "NUMBER_VALUE can not be converted to String at Environment.COUNT" in steps["Show"]["FailureReason"]


@pytest.mark.parametrize(("score", "expected"), [(0.4, {"Pass": "Succeeded"}), (0.9, {"Miss": "Failed"})])
def test_a_condition_on_a_property_file_chooses_the_branch(workshop, build, score, expected):
    bar = {"Type": "LessThanOrEqualTo", "LeftValue": build.value("Score", "gate.bars[0].value"), "RightValue": 0.5}
    miss = build.fail("Miss", build.join("score ", build.value("Score", "gate.bars[0].value"), " is over the bar", on=""))
    after = build.processing("AfterPass", "true", DependsOn=["Pass"])
    gate = build.condition("Gate", [bar], [build.processing("Pass", "true"), after], [miss])
    workshop.pipeline("gate", [build.report("Score", {"gate": {"bars": [{"value": score}]}}), gate])
    execution, steps = workshop.execute("gate")
    passed = score <= 0.5
    assert execution["PipelineExecutionStatus"] == ("Succeeded" if passed else "Failed")
    assert steps["Gate"]["Metadata"]["Condition"]["Outcome"] == str(passed)
    assert expected.items() <= build.outcome(steps).items()
    assert ("AfterPass" in steps) == passed
    if not passed:
        assert steps["Miss"]["FailureReason"] == "score 0.9 is over the bar"
        assert steps["Miss"]["Metadata"]["Fail"]["ErrorMessage"] == "score 0.9 is over the bar"


def test_a_missing_path_of_a_property_file_fails_the_step_with_the_path(workshop, build):
    bar = {"Type": "Equals", "LeftValue": build.value("Score", "gate.absent"), "RightValue": 1}
    workshop.pipeline("absent", [build.report("Score", {"gate": {}}), build.condition("Gate", [bar], [])])
    _, steps = workshop.execute("absent")
    assert "'gate.absent': there is no gate.absent" in steps["Gate"]["FailureReason"]


def test_a_failed_step_stops_the_others_and_fails_the_execution(workshop, build):
    slow, bad = build.processing("Slow", "sleep 300"), build.processing("Bad", "sleep 0.5; echo no luck > output/message; exit 2")
    workshop.pipeline("fails", [slow, bad, build.processing("Never", "true", DependsOn=["Slow", "Bad"])])
    execution, steps = workshop.execute("fails")
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    assert build.outcome(steps) == {"Slow": "Stopped", "Bad": "Failed"}
    assert steps["Bad"]["FailureReason"] == "ClientError: AlgorithmError: no luck, exit code: 2"
    assert workshop.processes(steps["Slow"]["Metadata"]["ProcessingJob"]["Arn"]) == []


def test_stop_leaves_no_process_and_retry_goes_on_from_there(workshop, build):
    flag = workshop.put("retry/flag", "sleep 300")
    steps = [
        build.processing("Done", "date +%s%N > processing/out/when"),
        build.processing(
            "Held",
            "sh processing/flag/flag; cp processing/when/when processing/out/",
            {"flag": flag, "when": build.output("Done")},
        ),
    ]
    workshop.pipeline("stop", steps)
    arn = workshop.sagemaker.start_pipeline_execution(PipelineName="stop")["PipelineExecutionArn"]
    workshop.until(lambda: "Metadata" in workshop.steps(arn).get("Held", {}))
    job = workshop.steps(arn)["Held"]["Metadata"]["ProcessingJob"]["Arn"]
    workshop.until(lambda: workshop.processes(job))
    workshop.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert workshop.executed(arn)["PipelineExecutionStatus"] == "Stopped"
    assert build.outcome(workshop.steps(arn)) == {"Done": "Succeeded", "Held": "Stopped"}
    assert workshop.processes(job) == []
    with pytest.raises(ClientError, match="can be stopped"):
        workshop.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)

    workshop.put("retry/flag", "true")
    done = workshop.steps(arn)["Done"]
    workshop.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert workshop.executed(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert workshop.steps(arn)["Done"] == done
    assert workshop.steps(arn)["Held"]["StepStatus"] == "Succeeded"


def test_a_start_is_done_once_per_token(workshop, build):
    workshop.pipeline("token", [build.processing("One", "true")])
    token = "a" * 32
    start = {"PipelineName": "token", "ClientRequestToken": token}
    arns = {workshop.sagemaker.start_pipeline_execution(**start)["PipelineExecutionArn"] for _ in range(3)}
    assert len(arns) == 1
    workshop.executed(arns.pop())
    assert len(workshop.sagemaker.list_pipeline_executions(PipelineName="token")["PipelineExecutionSummaries"]) == 1


def test_no_more_steps_run_at_once_than_allowed(workshop, build):
    script = "mkdir -p /tmp/$PIPE && touch /tmp/$PIPE/$$ && ls /tmp/$PIPE | wc -l > processing/out/beside && sleep 0.3 && rm /tmp/$PIPE/$$"
    steps = [build.processing(f"Step{number}", script) for number in range(5)]
    for step in steps:
        step["Arguments"]["Environment"] = {"PIPE": build.get("Execution.PipelineExecutionId")}
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


def test_a_selection_takes_the_rest_from_an_earlier_execution(workshop, build):
    steps = [
        build.processing("Make", "date +%s%N > processing/out/when"),
        build.processing("Use", "cp processing/when/when processing/out/", {"when": build.output("Make")}),
        build.processing("Other", "true"),
    ]
    workshop.pipeline("select", steps)
    first, _ = workshop.execute("select")
    source = first["PipelineExecutionArn"]
    config = {"SourcePipelineExecutionArn": source, "SelectedSteps": [{"StepName": "Use"}]}
    second, ran = workshop.execute("select", SelectiveExecutionConfig=config)
    assert build.outcome(ran) == {"Make": "Succeeded", "Use": "Succeeded"}
    assert ran["Make"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    make, use = source.rpartition("/")[2], second["PipelineExecutionArn"].rpartition("/")[2]
    assert workshop.read(f"executions/{use}/Use/when") == workshop.read(f"executions/{make}/Make/when")
