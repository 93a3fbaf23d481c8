"""Start a training: for a request, a schedule, an upload or an alarm, once each.

| event | answer |
| --- | --- |
| `POST /v1/training`, or a direct invocation | 202 with the execution's id and `status_url`, or the contract's error |
| a batch of SQS messages, each an event of EventBridge | the ids of the messages that are to be delivered again |
| an event of EventBridge | what was started; it fails when it is to be delivered again |

What is not valid is refused once, with a line in the log and a metric, and not delivered again: it would be refused again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.shared import metrics as names
from lambdas.shared.errors import ApiError
from lambdas.shared.http import Answer, Call, read_call, write_answer
from lambdas.train import request
from lambdas.train.start import Started, start
from lambdas.train.trigger import Trigger, from_event
from pipelines import handover
from pipelines.errors import DeploymentError, PipelinesError

if TYPE_CHECKING:
    from pipelines.settings import Settings

RESERVE_MILLISECONDS = 15_000
"""With less time left no message of a batch is taken up; it comes again."""

log = Logger(service="housing-train")
metrics = Metrics(namespace=names.NAMESPACE, service="housing-train")


@lru_cache
def settings() -> Settings:
    """What the stack was deployed with."""
    return handover.from_json(os.environ.get(handover.VARIABLE, ""))


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Entry point."""
    request_id = getattr(context, "aws_request_id", "") or "local"
    log.append_keys(request_id=request_id)
    try:
        if isinstance(event, Mapping) and isinstance(event.get("Records"), list):
            return _batch(event["Records"], context)
        if isinstance(event, Mapping) and "detail-type" in event:
            return {"started": _from_event(event)}
        return _answer(event, request_id)
    finally:
        if metrics.metric_set:
            metrics.flush_metrics()


def _batch(records: list[Any], context: Any) -> dict[str, Any]:
    """Each message alone: one that fails is named, so that it alone comes again."""
    failed = []
    for record in records:
        message = str(record.get("messageId", "")) if isinstance(record, Mapping) else ""
        try:
            if _remaining(context) < RESERVE_MILLISECONDS:
                raise TimeoutError("too little time left in this invocation")
            _from_event(_body(record), message)
        except Exception as error:  # noqa: BLE001 whatever it is, the other messages of the batch must not suffer
            _failed(error, message)
            failed.append({"itemIdentifier": message})
    return {"batchItemFailures": failed}


def _from_event(event: Any, message: str = "") -> str | None:
    """The id of what an event started; None when it starts nothing. Raises what another delivery may mend."""
    try:
        trigger = from_event(event, os.environ.get("HOUSING_DRIFT_ALARM_PREFIX", "housing-drift"))
        if trigger is None:
            log.info("starts nothing", extra={"message_id": message})
            return None
        return _start(trigger).id
    except ApiError as error:
        if error.status >= 500:
            raise
        metrics.add_metric(names.REFUSED, MetricUnit.Count, 1)
        log.error("refused", extra={"message_id": message, "code": error.code, "reason": error.message})
        return None


def _answer(event: Any, request_id: str) -> dict[str, Any]:
    call: Call | None = None
    try:
        call = read_call(event, request_id)
        log.append_keys(request_id=call.request_id)
        trigger = request.read(call, event, datetime.now(UTC) - timedelta(days=request.REMEMBERED_DAYS))
        answer = _accepted(_start(trigger), call.stage)
    except ApiError as error:
        answer = _refusal(error)
    except (PipelinesError, ClientError, BotoCoreError) as error:
        answer = _refusal(_as_api_error(error))
    return write_answer(
        call, Answer(answer.status, answer.body, {**answer.headers, "x-request-id": call.request_id if call else request_id})
    )


def _start(trigger: Trigger) -> Started:
    started = start(trigger, settings(), _cluster())
    metrics.add_metric(names.DUPLICATES if started.duplicate else names.EXECUTIONS_STARTED, MetricUnit.Count, 1)
    log.info(
        "there already" if started.duplicate else "started",
        extra={"execution": started.id, "trigger": trigger.name, "reason": trigger.reason},
    )
    return started


def _cluster() -> str:
    """The cluster that trains, empty where SageMaker does. DeploymentError names the variable that is wrong."""
    backend, cluster = os.environ.get("HOUSING_BACKEND") or "sagemaker", os.environ.get("HOUSING_EKS_CLUSTER", "")
    if backend not in {"sagemaker", "eks"}:
        raise DeploymentError(f"HOUSING_BACKEND: {backend!r}: write sagemaker or eks")
    if backend == "eks" and not cluster:
        raise DeploymentError("HOUSING_EKS_CLUSTER: is empty; with HOUSING_BACKEND=eks it names the cluster that trains")
    return cluster if backend == "eks" else ""


def _accepted(started: Started, stage: str) -> Answer:
    path = f"{stage}/v1/executions/{started.id}"
    content = {"execution": started.id, "status_url": path, "duplicate": started.duplicate}
    return Answer(202, json.dumps(content).encode(), {"location": path})


def _refusal(error: ApiError) -> Answer:
    metrics.add_metric(names.FAILED if error.status >= 500 else names.REFUSED, MetricUnit.Count, 1)
    (log.error if error.status >= 500 else log.info)("refused", extra={"status": error.status, "code": error.code, "reason": error.message})
    return Answer(error.status, error.body, error.headers)


def _as_api_error(error: PipelinesError | ClientError | BotoCoreError) -> ApiError:
    if isinstance(error, PipelinesError):
        return ApiError(503, "not_possible", str(error))
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    if "Throttl" in code or code == "TooManyRequestsException":
        return ApiError(429, "throttled", "too many requests; send the same key again shortly", 5)
    log.error("upstream", extra={"error_code": code, "reason": str(error)})
    return ApiError(502, "upstream", "the training could not be started; the log of housing-train says why", 30)


def _failed(error: Exception, message: str) -> None:
    metrics.add_metric(names.FAILED, MetricUnit.Count, 1)
    expected = isinstance(error, (ApiError, PipelinesError, ClientError, BotoCoreError, TimeoutError))
    log.error("to be delivered again", extra={"message_id": message, "reason": str(error)}, exc_info=not expected)


def _body(record: Any) -> Any:
    try:
        return json.loads(record["body"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None  # refused as no event


def _remaining(context: Any) -> float:
    left = getattr(context, "get_remaining_time_in_millis", None)
    return float(left()) if left else float("inf")
