"""From an event to its target: what is sent, by which call, again when it fails, and to the dead-letter queue in the end."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator import protocol
from emulator.clients import Clients
from emulator.context import Context
from emulator.errors import ApiError, invalid
from emulator.events.payload import at_path, payload
from emulator.functions.invoke import Invoker
from emulator.queues import send_message

_THREADS = 8
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
_RETRIES, _AGE_SECONDS = 185, 86_400
_LOG = logging.getLogger(__name__)


def check(target: Mapping[str, Any]) -> None:
    """Refuse a target of a kind that is not delivered to.

    Raises
    ------
    ApiError
        A ValidationException that names it.
    """
    if _kind(target["Arn"]) not in _SENDERS:
        raise invalid(f"Target {target['Arn']}: this emulator delivers to Lambda, SQS, SNS and SageMaker pipelines.")


def _kind(arn: str) -> str:
    parts = [*arn.split(":"), *[""] * 6]
    service, resource = parts[2], parts[5]
    return f"{service}:{resource.split('/')[0]}" if service == "sagemaker" else service


@dataclass
class _Job:
    """One delivery; its pauses grow."""

    event: Mapping[str, Any]
    target: Mapping[str, Any]
    origin: str
    until: float
    pause: float = _FIRST_PAUSE_SECONDS

    def next_pause(self) -> float:
        pause, self.pause = self.pause, min(2 * self.pause, _LONGEST_PAUSE_SECONDS)
        return pause


class Delivery:
    """The deliveries of one emulator, on a few threads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._threads = ThreadPoolExecutor(_THREADS, "delivery")
        self._closed = False

    def start(self, event: Mapping[str, Any], target: Mapping[str, Any], origin: str) -> None:
        """Deliver an event to a target; `origin` is the ARN of the rule or schedule."""
        policy = target.get("RetryPolicy", {})
        retries = policy.get("MaximumRetryAttempts", _RETRIES)
        until = time.monotonic() + policy.get("MaximumEventAgeInSeconds", _AGE_SECONDS)
        self._submit(_Job(event, target, origin, until), retries)

    def _submit(self, job: _Job, retries: int) -> None:
        if not self._closed:
            self._threads.submit(self._attempt, job, retries)

    def _attempt(self, job: _Job, retries: int) -> None:
        try:
            _SENDERS[_kind(job.target["Arn"])](self._context, job.target, job.event)
        except (ApiError, ClientError, BotoCoreError) as error:
            pause = job.next_pause() * self._context.wait_scale
            if retries <= 0 or not _may_pass(error) or time.monotonic() + pause > job.until:
                self._give_up(job.event, job.target, job.origin, error)
                return
            again = threading.Timer(pause, self._submit, (job, retries - 1))
            again.daemon = True
            again.start()
        except Exception:
            _LOG.exception("%s: event for %s", job.origin, job.target["Arn"])
            raise

    def _give_up(self, event: Mapping[str, Any], target: Mapping[str, Any], origin: str, error: Exception) -> None:
        _LOG.warning("%s: an event for %s was not delivered: %s", origin, target["Arn"], error)
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if queue is None:
            return
        facts = {"RULE_ARN": origin, "TARGET_ARN": target["Arn"], "ERROR_CODE": _code(error), "ERROR_MESSAGE": str(error)}
        try:
            send_message(self._context, queue, payload(event, target), facts)
        except (ClientError, BotoCoreError) as lost:
            _LOG.warning("%s: the dead-letter queue %s: %s", origin, queue, lost)

    def close(self) -> None:
        """Give up what waits."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Code", "ClientError"))
    return error.code if isinstance(error, ApiError) else type(error).__name__


def _may_pass(error: Exception) -> bool:
    """Whether another attempt can succeed: not for what the caller got wrong."""
    if isinstance(error, ClientError):
        return int(error.response["ResponseMetadata"].get("HTTPStatusCode", 500)) in (429, 500, 502, 503, 504)
    return not isinstance(error, ApiError) or error.status >= 500 or error.status == 429 or "Throttl" in error.code


def _to_lambda(context: Context, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    context.part(Invoker).send(target["Arn"], payload(event, target).encode())


def _to_sqs(context: Context, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    send_message(context, target["Arn"], payload(event, target), **({"MessageGroupId": group} if group else {}))


def _to_sns(context: Context, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    context.part(Clients).get("sns").publish(TopicArn=target["Arn"], Message=payload(event, target))


def _to_pipeline(context: Context, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    parameters = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    filled = [{"Name": item["Name"], "Value": _value(item["Value"], event)} for item in parameters]
    request = {"PipelineName": target["Arn"].rpartition("/")[2], "PipelineParameters": filled}
    if event.get("id"):
        request["ClientRequestToken"] = event["id"]  # so that a second attempt starts no second execution
    protocol.call("sagemaker", "StartPipelineExecution", request, context)


def _value(value: str, event: Mapping[str, Any]) -> str:
    """A pipeline parameter's value; one that begins with `$.` is looked up in the event."""
    if not value.startswith("$."):
        return value
    found = at_path(event, value)
    return found if isinstance(found, str) else json.dumps(found)


_Sender = Callable[[Context, Mapping[str, Any], Mapping[str, Any]], None]
_SENDERS: dict[str, _Sender] = {"lambda": _to_lambda, "sqs": _to_sqs, "sns": _to_sns, "sagemaker:pipeline": _to_pipeline}
