"""Rules, schedules and notifications deliver to functions, queues, topics and pipelines."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/events"
LOCATION = {"LocationConstraint": "eu-west-1"}
RECORDER = """
import boto3, json, os, uuid

def handler(event, context):
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=f"{context.function_name}/{uuid.uuid4()}", Body=json.dumps(event))
"""


def eventually(read: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first true value of `read`, or the last."""
    until = time.monotonic() + seconds
    while not (value := read()) and time.monotonic() < until:
        time.sleep(0.1)
    return value


class Events:
    """Rules with one target, and what arrived there."""

    def __init__(self, emulator: Any) -> None:
        self.emulator = emulator
        for name in ("events", "sqs", "sns", "s3", "scheduler", "sagemaker"):
            setattr(self, name, emulator.client(name))
        self.functions = emulator.client("lambda")

    def queue(self, name: str) -> str:
        """The ARN of a new queue."""
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        return str(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])

    def received(self, name: str) -> list[dict[str, Any]]:
        """The messages of a queue, which they leave."""
        url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def bodies(self, name: str) -> list[Any]:
        """What arrived at a queue, as JSON."""
        return [json.loads(message["Body"]) for message in self.received(name)]

    def rule(self, name: str, pattern: dict[str, Any], arn: str, **target: Any) -> None:
        """A rule with one target."""
        self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, **target}])

    def send(self, source: str, **detail: Any) -> None:
        """Publish one event."""
        self.events.put_events(Entries=[{"Source": source, "DetailType": "test", "Detail": json.dumps(detail)}])

    def recorder(self, name: str) -> str:
        """The ARN of a function that writes its events to the bucket `events-recorded`."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("app.py", RECORDER)
        made = self.functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=ROLE,
            Handler="app.handler",
            Timeout=20,
            Code={"ZipFile": content.getvalue()},
            Environment={"Variables": {"BUCKET": "events-recorded"}},
        )
        return str(made["FunctionArn"])

    def recorded(self, name: str) -> list[Any]:
        """The events that a recorder got."""
        listed = self.s3.list_objects_v2(Bucket="events-recorded", Prefix=f"{name}/").get("Contents", [])
        return [json.loads(self.s3.get_object(Bucket="events-recorded", Key=item["Key"])["Body"].read()) for item in listed]


@pytest.fixture(scope="module")
def bus(emulator) -> Events:
    made = Events(emulator)
    made.s3.create_bucket(Bucket="events-recorded", CreateBucketConfiguration=LOCATION)
    return made


def test_an_event_reaches_the_rules_that_it_matches(bus):
    bus.rule("prices", {"source": ["prices"], "detail": {"n": [{"numeric": [">", 1]}]}}, bus.queue("prices"))
    for number in (1, 2):
        bus.send("prices", n=number)
    bus.send("other", n=5)
    (event,) = eventually(lambda: bus.bodies("prices"))
    assert (event["source"], event["detail-type"], event["detail"], event["account"]) == ("prices", "test", {"n": 2}, "123456789012")
    assert bus.bodies("prices") == []


def test_a_target_may_get_a_constant_a_part_or_a_template(bus):
    pattern = {"source": ["shapes"]}
    bus.rule("constant", pattern, bus.queue("constant"), Input='{"fixed": true}')
    bus.rule("part", pattern, bus.queue("part"), InputPath="$.detail.who")
    template = '{"text": "hello <who>", "who": <who>, "many": <many>}'
    transformer = {"InputPathsMap": {"who": "$.detail.who", "many": "$.detail.many"}, "InputTemplate": template}
    bus.rule("template", pattern, bus.queue("template"), InputTransformer=transformer)
    bus.send("shapes", who="Austin", many=[1, 2])
    assert eventually(lambda: bus.bodies("constant")) == [{"fixed": True}]
    assert eventually(lambda: bus.bodies("part")) == ["Austin"]
    assert eventually(lambda: bus.bodies("template")) == [{"text": "hello Austin", "who": "Austin", "many": [1, 2]}]


def test_functions_and_topics_are_targets(bus):
    bus.rule("to-function", {"source": ["both"]}, bus.recorder("event-recorder"))
    topic, queue = bus.sns.create_topic(Name="events")["TopicArn"], bus.queue("events-topic")
    bus.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    bus.rule("to-topic", {"source": ["both"]}, topic)
    bus.send("both", n=1)
    assert eventually(lambda: bus.recorded("event-recorder"))[0]["detail"] == {"n": 1}
    assert json.loads(eventually(lambda: bus.bodies("events-topic"))[0]["Message"])["source"] == "both"


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(bus):
    dead = {"DeadLetterConfig": {"Arn": bus.queue("dead")}}
    bus.rule("nobody", {"source": ["nobody"]}, "arn:aws:lambda:eu-west-1:123456789012:function:nobody", **dead)
    bus.send("nobody", n=1)
    (message,) = eventually(lambda: bus.received("dead"))
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "ResourceNotFoundException"
    assert message["MessageAttributes"]["RULE_ARN"]["StringValue"].endswith("rule/nobody")


def test_a_disabled_rule_rests(bus):
    bus.rule("resting", {"source": ["resting"]}, bus.queue("resting"))
    bus.events.disable_rule(Name="resting")
    bus.send("resting", n=1)
    bus.rule("marker", {"source": ["resting"]}, bus.queue("marker"))
    bus.events.enable_rule(Name="resting")
    bus.send("resting", n=2)
    assert [event["detail"]["n"] for event in eventually(lambda: bus.bodies("resting"))] == [2]


def test_approving_a_model_package_is_an_event(bus):
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelApprovalStatus": ["Approved"]},
    }
    bus.rule("approved", pattern, bus.queue("approved"))
    bus.sagemaker.create_model_package_group(ModelPackageGroupName="events-group")
    specification = {
        "Containers": [{"Image": "registry/toy:1"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    package = bus.sagemaker.create_model_package(
        ModelPackageGroupName="events-group", InferenceSpecification=specification, ModelApprovalStatus="PendingManualApproval"
    )["ModelPackageArn"]
    bus.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    (event,) = eventually(lambda: bus.bodies("approved"))
    assert event["resources"] == [package]
    assert event["detail"]["ModelPackageGroupName"] == "events-group"


def test_an_event_starts_a_pipeline_with_values_from_it(bus):
    fail = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.Why"}}}
    definition = {"Version": "2020-12-01", "Parameters": [{"Name": "Why", "Type": "String", "DefaultValue": "-"}], "Steps": [fail]}
    made = bus.sagemaker.create_pipeline(
        PipelineName="from-event", PipelineDefinition=json.dumps(definition), ClientRequestToken="t" * 32, RoleArn=ROLE
    )
    parameters = {"PipelineParameterList": [{"Name": "Why", "Value": "$.detail.why"}]}
    bus.rule("start", {"source": ["start"]}, made["PipelineArn"], RoleArn=ROLE, SageMakerPipelineParameters=parameters)
    finished = {
        "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
        "detail": {"currentPipelineExecutionStatus": ["Failed"]},
    }
    bus.rule("finished", finished, bus.queue("finished"))
    bus.send("start", why="new data")
    (event,) = eventually(lambda: bus.bodies("finished"))
    assert event["detail"]["pipelineArn"] == made["PipelineArn"]
    execution = event["detail"]["pipelineExecutionArn"]
    known = bus.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution)["PipelineParameters"]
    assert known == [{"Name": "Why", "Value": "new data"}]


def test_s3_notifies_functions_and_the_bus(bus):
    bus.s3.create_bucket(Bucket="events-source", CreateBucketConfiguration=LOCATION)
    only_raw = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"}]}}
    configuration = {
        "LambdaFunctionConfigurations": [
            {"LambdaFunctionArn": bus.recorder("s3-recorder"), "Events": ["s3:ObjectCreated:*"], "Filter": only_raw}
        ],
        "EventBridgeConfiguration": {},
    }
    bus.s3.put_bucket_notification_configuration(Bucket="events-source", NotificationConfiguration=configuration)
    bus.rule("s3", {"source": ["aws.s3"], "detail": {"bucket": {"name": ["events-source"]}}}, bus.queue("s3"))
    bus.s3.put_object(Bucket="events-source", Key="other/a", Body=b"1")
    bus.s3.put_object(Bucket="events-source", Key="raw/b", Body=b"22")
    (notified,) = eventually(lambda: bus.recorded("s3-recorder"))
    assert notified["Records"][0]["s3"]["object"]["key"] == "raw%2Fb"
    seen: list[Any] = []
    eventually(lambda: seen.extend(bus.bodies("s3")) or len(seen) == 2)
    assert {(event["detail-type"], event["detail"]["object"]["key"]) for event in seen} == {
        ("Object Created", "other/a"),
        ("Object Created", "raw/b"),
    }


def test_a_schedule_fires_when_it_is_due_and_is_gone_afterwards(bus):
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 2))
    bus.scheduler.create_schedule(
        Name="once",
        ScheduleExpression=f"at({soon})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": bus.queue("once"), "RoleArn": ROLE, "Input": '{"n": 1}'},
    )
    assert bus.scheduler.get_schedule(Name="once")["State"] == "ENABLED"
    assert [item["Name"] for item in bus.scheduler.list_schedules(NamePrefix="on")["Schedules"]] == ["once"]
    assert eventually(lambda: bus.bodies("once")) == [{"n": 1}]
    with pytest.raises(bus.scheduler.exceptions.ResourceNotFoundException):
        eventually(lambda: not bus.scheduler.get_schedule(Name="once"), 5)


def test_rules_are_described_listed_and_deleted(bus):
    bus.events.put_rule(Name="listed-nightly", ScheduleExpression="cron(0 3 * * ? *)", Description="at night")
    bus.events.put_targets(Rule="listed-nightly", Targets=[{"Id": "q", "Arn": bus.queue("nightly")}])
    assert bus.events.describe_rule(Name="listed-nightly")["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert [rule["Name"] for rule in bus.events.list_rules(NamePrefix="listed-")["Rules"]] == ["listed-nightly"]
    with pytest.raises(ClientError, match="has targets"):
        bus.events.delete_rule(Name="listed-nightly")
    bus.events.remove_targets(Rule="listed-nightly", Ids=["q"])
    bus.events.delete_rule(Name="listed-nightly")
    with pytest.raises(bus.events.exceptions.ResourceNotFoundException):
        bus.events.describe_rule(Name="listed-nightly")


def test_faults_of_the_caller_are_named(bus):
    with pytest.raises(bus.events.exceptions.InvalidEventPatternException):
        bus.events.put_rule(Name="bad", EventPattern='{"source": "x"}')
    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        bus.events.put_rule(Name="bad", ScheduleExpression="rate(1 minutes)")
    bus.events.put_rule(Name="fine", EventPattern='{"source": ["x"]}')
    with pytest.raises(ClientError, match="delivers to"):
        bus.events.put_targets(Rule="fine", Targets=[{"Id": "1", "Arn": "arn:aws:ecs:eu-west-1:123456789012:cluster/x"}])
    entries = bus.events.put_events(Entries=[{"Source": "x", "DetailType": "t", "Detail": "{"}])
    assert (entries["FailedEntryCount"], entries["Entries"][0]["ErrorCode"]) == (1, "MalformedDetail")


def test_an_alarm_that_goes_off_is_an_event_and_tells_its_topic(bus):
    topic, queue = bus.sns.create_topic(Name="alarms")["TopicArn"], bus.queue("alarms-topic")
    bus.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    pattern = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": [{"prefix": "drift"}], "state": {"value": ["ALARM"]}},
    }
    bus.rule("drift", pattern, bus.queue("drift"))
    alarms = bus.emulator.client("cloudwatch")
    facts = {"Namespace": "test", "MetricName": "Drift", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0}
    alarms.put_metric_alarm(AlarmName="drift-1", ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic], **facts)
    for _ in range(2):  # the second changes nothing
        alarms.set_alarm_state(AlarmName="drift-1", StateValue="ALARM", StateReason="the market moved")
    (event,) = eventually(lambda: bus.bodies("drift"))
    assert (event["detail"]["alarmName"], event["detail"]["state"]["reason"]) == ("drift-1", "the market moved")
    assert event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] == "Drift"
    (message,) = eventually(lambda: bus.bodies("alarms-topic"))
    assert json.loads(message["Message"])["NewStateValue"] == "ALARM"


def test_an_event_of_a_versioned_bucket_names_the_version_and_older_ones_stay_readable(bus):
    bus.s3.create_bucket(Bucket="events-versions", CreateBucketConfiguration=LOCATION)
    bus.s3.put_bucket_versioning(Bucket="events-versions", VersioningConfiguration={"Status": "Enabled"})
    bus.s3.put_bucket_notification_configuration(Bucket="events-versions", NotificationConfiguration={"EventBridgeConfiguration": {}})
    bus.rule("versions", {"source": ["aws.s3"], "detail": {"bucket": {"name": ["events-versions"]}}}, bus.queue("versions"))
    first = bus.s3.put_object(Bucket="events-versions", Key="a", Body=b"one")["VersionId"]
    bus.s3.put_object(Bucket="events-versions", Key="a", Body=b"two")
    seen: list[Any] = []
    eventually(lambda: seen.extend(bus.bodies("versions")) or len(seen) == 2)
    assert first in {event["detail"]["object"]["version-id"] for event in seen}
    assert bus.s3.get_object(Bucket="events-versions", Key="a", VersionId=first)["Body"].read() == b"one"
