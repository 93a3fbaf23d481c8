"""How an update ended, told to whoever subscribed to the topic."""

from __future__ import annotations

import json
from typing import Any

from lambdas.deploy.records import Record

MAX_SUBJECT = 100
ENDINGS = {"in service": "is in service", "failed": "failed", "replaced": "was replaced"}


def message(endpoint: str, record: Record) -> dict[str, Any]:
    """The outcome for people (`text`) and for programs."""
    text = f"endpoint {endpoint}: version {record.version} {ENDINGS[record.state]}" + (f": {record.reason}" if record.reason else "")
    return {
        "text": text,
        "endpoint": endpoint,
        "outcome": record.state,
        "version": record.version,
        "model_package": record.package,
        "configuration": record.config,
        "action": record.action,
        "reason": record.reason,
        "table": record.table,
    }


def tell(sns: Any, topic: str, endpoint: str, record: Record) -> None:
    """Publish it. A message may come twice when an invocation dies between telling and noting that it told."""
    content = message(endpoint, record)
    subject = f"housing: version {record.version} {ENDINGS[record.state]} at {endpoint}"
    attributes = {"outcome": {"DataType": "String", "StringValue": record.state}}
    sns.publish(TopicArn=topic, Subject=subject[:MAX_SUBJECT], Message=json.dumps(content), MessageAttributes=attributes)
