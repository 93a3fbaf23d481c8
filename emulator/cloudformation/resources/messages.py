"""SQS and SNS: queues, topics, subscriptions and their policies."""

from __future__ import annotations

import json
from typing import Any

from emulator.cloudformation.kinds import Made, Properties, Resource, Work

_QUEUE_ATTRIBUTES = (
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "MaximumMessageSize",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "FifoQueue",
    "ContentBasedDeduplication",
)
_DEFAULTS = {
    "VisibilityTimeout": "30",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedrivePolicy": "",
    "KmsMasterKeyId": "",
}


class Queue(Resource):
    """AWS::SQS::Queue."""

    type = "AWS::SQS::Queue"
    known = frozenset({"QueueName", "Tags", *_QUEUE_ATTRIBUTES})
    fixed = frozenset({"QueueName", "FifoQueue"})
    simulated = "messages are lost when the emulator ends; encryption is recorded"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("QueueName") or work.name(80)
        url = work.call("sqs", "create_queue", QueueName=name, Attributes=_attributes(properties), tags=_map(work, properties))["QueueUrl"]
        return self._made(work, url, name)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        gone = {key: _DEFAULTS[key] for key in set(old) - set(new) if key in _DEFAULTS}
        work.call("sqs", "set_queue_attributes", QueueUrl=made.physical_id, Attributes=gone | _attributes(new))
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("sqs", "delete_queue", QueueUrl=made.physical_id)

    def _made(self, work: Work, url: str, name: str) -> Made:
        return Made(url, {"Arn": work.context.arn(name, "sqs"), "QueueName": name, "QueueUrl": url})


def _attributes(properties: Properties) -> dict[str, str]:
    return {key: _text(properties[key]) for key in _QUEUE_ATTRIBUTES if key in properties}


def _map(work: Work, properties: Properties) -> dict[str, str] | None:
    return {tag["Key"]: tag["Value"] for tag in work.tags(properties)} or None


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


class QueuePolicy(Resource):
    """AWS::SQS::QueuePolicy."""

    type = "AWS::SQS::QueuePolicy"
    known = frozenset({"Queues", "PolicyDocument"})
    fixed = frozenset({"Queues"})
    required = known
    simulated = "recorded, not enforced"

    def create(self, work: Work, properties: Properties) -> Made:
        for url in properties["Queues"]:
            work.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": json.dumps(properties["PolicyDocument"])})
        return Made(f"{work.stack_name}-{work.logical_id}")

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        for url in properties["Queues"]:
            work.quietly("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": ""})


class Topic(Resource):
    """AWS::SNS::Topic."""

    type = "AWS::SNS::Topic"
    known = frozenset({"TopicName", "DisplayName", "KmsMasterKeyId", "Tags", "Subscription"})
    fixed = frozenset({"TopicName"})
    simulated = "encryption is recorded"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("TopicName") or work.name(256)
        attributes = {key: str(properties[key]) for key in ("DisplayName", "KmsMasterKeyId") if key in properties}
        arn = work.call("sns", "create_topic", Name=name, Attributes=attributes, Tags=work.tags(properties))["TopicArn"]
        for one in properties.get("Subscription", []):
            work.call("sns", "subscribe", TopicArn=arn, Protocol=one["Protocol"], Endpoint=one["Endpoint"])
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        for key in ("DisplayName", "KmsMasterKeyId"):
            if old.get(key) != new.get(key):
                work.call("sns", "set_topic_attributes", TopicArn=made.physical_id, AttributeName=key, AttributeValue=str(new.get(key, "")))
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("sns", "delete_topic", TopicArn=made.physical_id)


class TopicPolicy(Resource):
    """AWS::SNS::TopicPolicy."""

    type = "AWS::SNS::TopicPolicy"
    known = frozenset({"Topics", "PolicyDocument"})
    fixed = frozenset({"Topics"})
    required = known
    simulated = "recorded, not enforced"

    def create(self, work: Work, properties: Properties) -> Made:
        for arn in properties["Topics"]:
            document = json.dumps(properties["PolicyDocument"])
            work.call("sns", "set_topic_attributes", TopicArn=arn, AttributeName="Policy", AttributeValue=document)
        return Made(f"{work.stack_name}-{work.logical_id}")

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        """It goes with its topics."""


class Subscription(Resource):
    """AWS::SNS::Subscription."""

    type = "AWS::SNS::Subscription"
    known = frozenset({"TopicArn", "Protocol", "Endpoint", "FilterPolicy", "RawMessageDelivery"})
    fixed = frozenset({"TopicArn", "Protocol", "Endpoint"})
    required = frozenset({"TopicArn", "Protocol"})
    simulated = "queues and functions get messages; e-mail goes nowhere and needs no confirmation"

    def create(self, work: Work, properties: Properties) -> Made:
        attributes = {key: _text(properties[key]) for key in ("FilterPolicy", "RawMessageDelivery") if key in properties}
        given = {key: properties.get(key) for key in ("TopicArn", "Protocol", "Endpoint")}
        return Made(work.call("sns", "subscribe", **given, Attributes=attributes, ReturnSubscriptionArn=True)["SubscriptionArn"])

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        for key in ("FilterPolicy", "RawMessageDelivery"):
            if old.get(key) != new.get(key):
                value = _text(new.get(key, "{}" if key == "FilterPolicy" else False))
                arn = made.physical_id
                work.call("sns", "set_subscription_attributes", SubscriptionArn=arn, AttributeName=key, AttributeValue=value)
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("sns", "unsubscribe", SubscriptionArn=made.physical_id)
