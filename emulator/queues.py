"""Messages into SQS queues, by ARN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.clients import Clients
from emulator.context import Context


def send_message(context: Context, arn: str, body: str, texts: Mapping[str, str] | None = None, **options: Any) -> None:
    """Send a message with these texts as attributes; `options` are SendMessage's own. Not from the event loop."""
    sqs = context.part(Clients).get("sqs")
    attributes = {name: {"DataType": "String", "StringValue": text[:1000] or "-"} for name, text in (texts or {}).items()}
    sqs.send_message(QueueUrl=url_of(context, arn), MessageBody=body, MessageAttributes=attributes, **options)


def url_of(context: Context, arn: str) -> str:
    """The address of the queue with this ARN."""
    return str(context.part(Clients).get("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"])
