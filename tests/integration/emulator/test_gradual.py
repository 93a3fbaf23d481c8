"""Aliases that CodeDeploy moves: a share first, and back when an alarm goes off."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

TEMPLATE: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Parameters": {"Key": {"Type": "String"}},
    "Resources": {
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": "gradual",
                "Namespace": "test",
                "MetricName": "Errors",
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold",
            },
        },
        "Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "FunctionName": "gradual",
                "CodeUri": {"Bucket": "workshop", "Key": {"Ref": "Key"}},
                "Handler": "app.handler",
                "Runtime": "python3.11",
                "AutoPublishAlias": "live",
                "DeploymentPreference": {"Type": "Canary10Percent5Minutes", "Alarms": [{"Ref": "Alarm"}]},
            },
        },
    },
}


def test_an_alias_moves_when_no_alarm_objects_and_stays_when_one_does(workshop: Any) -> None:
    cloud, lambdas = workshop.emulator.client("cloudformation"), workshop.emulator.client("lambda")

    def deploy(word: str) -> str:
        """Deploy code that says a word; the stack's status."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("app.py", f"def handler(event, context): return {word!r}")
        workshop.put(f"gradual/{word}.zip", content.getvalue())
        call = cloud.update_stack if word != "one" else cloud.create_stack
        call(
            StackName="gradual",
            TemplateBody=json.dumps(TEMPLATE),
            Parameters=[{"ParameterKey": "Key", "ParameterValue": f"gradual/{word}.zip"}],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        end = time.monotonic() + 30
        while (status := cloud.describe_stacks(StackName="gradual")["Stacks"][0]["StackStatus"]).endswith("IN_PROGRESS"):
            assert time.monotonic() < end
            time.sleep(0.02)
        return str(status)

    def says() -> Any:
        return json.loads(lambdas.invoke(FunctionName="gradual", Qualifier="live")["Payload"].read())

    assert (deploy("one"), says()) == ("CREATE_COMPLETE", "one")
    assert (deploy("two"), says()) == ("UPDATE_COMPLETE", "two")
    workshop.emulator.client("cloudwatch").set_alarm_state(AlarmName="gradual", StateValue="ALARM", StateReason="errors")
    assert (deploy("three"), says()) == ("UPDATE_ROLLBACK_COMPLETE", "two")
    assert not lambdas.get_alias(FunctionName="gradual", Name="live").get("RoutingConfig", {}).get("AdditionalVersionWeights")
    reasons = [one.get("ResourceStatusReason", "") for one in cloud.describe_stack_events(StackName="gradual")["StackEvents"]]
    assert any("alarm gradual is in state ALARM" in reason for reason in reasons)
