"""What becomes of asynchronous invocations: how often they are tried, and who is told in the end."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients
from emulator.context import Context
from emulator.errors import ApiError
from emulator.functions.reference import LATEST, arn, function_of, split
from emulator.functions.worker import Outcome
from emulator.operations import Answer, Request, operation
from emulator.queues import send_message

KIND = "function-invoke-config"
_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
_RETRIES, _AGE_SECONDS = 2, 21_600
_RETRY_SECONDS = (60.0, 120.0)
_THROTTLED_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fate:
    """An event on its way: how often it was tried, and what the last attempt came to (None: throttled)."""

    reference: str
    request_id: str
    payload: bytes
    since: float
    attempts: int = 0
    throttled: int = 0
    last: Outcome | None = None

    def after(self, outcome: Outcome | None) -> Fate:
        """The same event after one more attempt; being throttled counts as none."""
        if outcome is None:
            return replace(self, throttled=self.throttled + 1, last=None)
        return replace(self, attempts=self.attempts + 1, throttled=0, last=outcome)

    @property
    def succeeded(self) -> bool:
        return self.last is not None and not self.last.failed

    def text(self) -> str:
        """What the last attempt said, in short."""
        return "it was throttled" if self.last is None else self.last.payload[:500].decode(errors="replace")


@dataclass(frozen=True)
class AsyncSettings:
    """The event invoke configuration and dead-letter queue of what was invoked."""

    function_arn: str
    version: str
    retries: int = _RETRIES
    age_seconds: float = _AGE_SECONDS
    on_success: str | None = None
    on_failure: str | None = None
    dead_letters: str | None = None

    def pause(self, fate: Fate) -> float:
        """Seconds until the next attempt: a minute, then two; a throttled one is tried again soon, ever less often."""
        if fate.last is None:
            return min(_THROTTLED_SECONDS * 2.0 ** min(fate.throttled, 8), 300.0)
        return _RETRY_SECONDS[min(fate.attempts, len(_RETRY_SECONDS)) - 1]

    def is_over(self, fate: Fate, pause: float) -> bool:
        """Whether there is no further attempt."""
        return (fate.last is not None and fate.attempts > self.retries) or time.time() + pause - fate.since > self.age_seconds


def settings_of(context: Context, reference: str) -> AsyncSettings:
    """How asynchronous invocations of a function, version or alias are treated.

    Raises
    ------
    ApiError
        When there is no such function.
    """
    name, qualifier = split(reference)
    function = function_of(context, name, qualifier)
    config = context.store.get(KIND, f"{name}:{qualifier or LATEST}") or {}
    places = config.get("DestinationConfig", {})
    return AsyncSettings(
        function_arn=function["FunctionArn"],
        version=function["Version"],
        retries=config.get("MaximumRetryAttempts", _RETRIES),
        age_seconds=config.get("MaximumEventAgeInSeconds", _AGE_SECONDS),
        on_success=places.get("OnSuccess", {}).get("Destination"),
        on_failure=places.get("OnFailure", {}).get("Destination"),
        dead_letters=function.get("DeadLetterConfig", {}).get("TargetArn"),
    )


class Settlement:
    """Tells destinations and dead-letter queues; `context.part(Settlement)` is the one to use."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def tell(self, fate: Fate, settings: AsyncSettings) -> None:
        """Send what became of an event to where the settings say; nobody is told twice."""
        place = settings.on_success if fate.succeeded else settings.on_failure
        loop = asyncio.get_running_loop()
        if place is not None:
            await loop.run_in_executor(None, self._send, place, json.dumps(_record(fate, settings)), {})
        if settings.dead_letters is not None and not fate.succeeded:
            facts = {"RequestID": fate.request_id, "ErrorCode": "429" if fate.last is None else "200", "ErrorMessage": fate.text()}
            await loop.run_in_executor(None, self._send, settings.dead_letters, fate.payload.decode(), facts)

    def _send(self, place: str, body: str, facts: dict[str, str]) -> None:
        service = place.split(":")[2]
        try:
            if service == "sqs":
                send_message(self._context, place, body, facts)
            elif service == "sns":
                attributes = {name: {"DataType": "String", "StringValue": value or "-"} for name, value in facts.items()}
                self._context.part(Clients).get("sns").publish(TopicArn=place, Message=body, MessageAttributes=attributes)
            elif service == "lambda":
                self._context.part(Clients).get("lambda").invoke(FunctionName=place, InvocationType="Event", Payload=body)
            else:
                content = json.loads(body)
                detail_type = f"Lambda Function Invocation Result - {'Success' if 'responsePayload' in content else 'Failure'}"
                entry = {"Source": "lambda", "DetailType": detail_type, "Detail": body, "EventBusName": place}
                self._context.part(Clients).get("events").put_events(Entries=[entry])
        except (ClientError, BotoCoreError) as error:
            _LOG.warning("%s: what became of an event could not be said: %s", place, error)


def _record(fate: Fate, settings: AsyncSettings) -> dict[str, Any]:
    """The invocation record that destinations get."""
    why = "Success" if fate.succeeded else "RetriesExhausted" if fate.attempts > settings.retries else "EventAgeExceeded"
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "requestContext": {
            "requestId": fate.request_id,
            "functionArn": f"{settings.function_arn}:{LATEST}" if settings.function_arn.count(":") == 6 else settings.function_arn,
            "condition": why,
            "approximateInvokeCount": fate.attempts,
        },
        "requestPayload": json.loads(fate.payload),
    }
    if fate.last is not None:
        failed = {"functionError": "Unhandled"} if fate.last.failed else {}
        record["responseContext"] = {"statusCode": 200, "executedVersion": settings.version, **failed}
        record["responsePayload"] = json.loads(fate.last.payload)
    return record


@operation("lambda", "PutFunctionEventInvokeConfig")
def put_function_event_invoke_config(request: Request, context: Context) -> Answer:
    """Say how often and how long events are tried, and who is told of the end."""
    function_of(context, request["FunctionName"], request.get("Qualifier"))
    for side in request.get("DestinationConfig", {}).values():
        if side.get("Destination", "::sqs").split(":")[2] not in ("sqs", "sns", "lambda", "events"):
            raise ApiError("InvalidParameterValueException", f"The provided destination {side['Destination']} is not supported.")
    name, qualifier = split(request["FunctionName"], request.get("Qualifier"))
    record: dict[str, Any] = {
        key: request[key] for key in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig") if key in request
    }
    record |= {"FunctionArn": arn(context, name, qualifier or LATEST), "LastModified": time.time()}
    context.store.put(KIND, f"{name}:{qualifier or LATEST}", record, parent=name)
    return record


@operation("lambda", "GetFunctionEventInvokeConfig")
def get_function_event_invoke_config(request: Request, context: Context) -> Answer:
    """How events of a function, version or alias are treated."""
    name, qualifier = split(request["FunctionName"], request.get("Qualifier"))
    record = context.store.get(KIND, f"{name}:{qualifier or LATEST}")
    if record is None:
        target = arn(context, name, qualifier or LATEST)
        raise ApiError("ResourceNotFoundException", f"The function {target} doesn't have an EventInvokeConfig", 404)
    return record


@operation("lambda", "DeleteFunctionEventInvokeConfig")
def delete_function_event_invoke_config(request: Request, context: Context) -> Answer:
    """Treat events as by default again."""
    get_function_event_invoke_config(request, context)
    name, qualifier = split(request["FunctionName"], request.get("Qualifier"))
    context.store.delete(KIND, f"{name}:{qualifier or LATEST}")
    return {}
