"""S3 notifications: moto makes them and delivers to SQS and SNS itself; Lambda and EventBridge are delivered to from here."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import moto.s3.models
import moto.s3.notifications

from emulator.context import Context
from emulator.errors import ApiError
from emulator.events.bus import Bus
from emulator.events.timer import Timer
from emulator.functions.invoke import Invoker
from emulator.operations import at_start

_MOTO: Any = moto.s3.notifications
_LOG = logging.getLogger(__name__)


@at_start
def deliver(context: Context) -> None:
    """Take the place of moto's own delivery, which reaches functions and rules of moto only."""

    def to_function(_account: str, event: Any, arn: str, _region: str) -> None:
        try:
            context.part(Invoker).send(arn, json.dumps(event).encode())
        except ApiError as error:
            _LOG.warning("an S3 notification was not delivered: %s", error)

    def to_bus(account: str, bucket: Any, name: Any, key: Any) -> None:
        if name == _MOTO.S3NotificationEvent.OBJECT_TAGGING_PUT_EVENT and not _tagged(account, key):
            return  # moto says so after every upload
        context.part(Bus).publish("aws.s3", _MOTO._detail_type(name), _detail(context, bucket, name, key), [bucket.arn])

    _MOTO._invoke_awslambda = to_function
    _MOTO._send_event_bridge_message = to_bus
    context.part(Timer)


def _tagged(account: str, key: Any) -> bool:
    backend: Any = moto.s3.models.s3_backends[account]["aws"]
    return bool(backend.tagger.get_tag_dict_for_resource(key.arn))


def _detail(context: Context, bucket: Any, name: str, key: Any) -> dict[str, Any]:
    one = {"key": key.name, "size": key.size, "etag": key.etag.strip('"'), "sequencer": f"{time.time_ns():018X}"}
    if key.version_id not in (None, "null"):
        one["version-id"] = key.version_id
    return {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": one,
        "requester": context.account,
        "reason": "DeleteObject" if "Removed" in name else "PutObject",
    }
