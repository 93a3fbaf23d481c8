"""Say how something is getting on; nothing is changed by asking.

| request | answer |
| --- | --- |
| `GET /v1/executions/{id}` | an execution of the pipeline, or a training on EKS: status, steps, why it failed, when it started and ended |
| `GET /v1/jobs/{id}` | an asynchronous forecast: `in_progress`, `completed` with the address of the answer, `failed` with the reason |

A direct invocation is `{"execution": ID}` or `{"job": ID}`. What is not one of ours is a 404, and never asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.shared import metrics as names
from lambdas.shared.errors import ApiError
from lambdas.shared.http import Answer, Call, read_call, write_answer
from lambdas.status import execution, job
from lambdas.status.clients import Place

log = Logger(service="housing-status")
metrics = Metrics(namespace=names.NAMESPACE, service="housing-status")


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Entry point."""
    request_id = getattr(context, "aws_request_id", "") or "local"
    call: Call | None = None
    try:
        call = read_call(event, request_id)
        request_id = call.request_id
        answer = Answer(200, json.dumps(_found(*_asked(event), Place.of(context))).encode())
    except ApiError as error:
        answer = Answer(error.status, error.body, error.headers)
    except (ClientError, BotoCoreError) as error:
        failure = _upstream(error)
        log.error("upstream", extra={"request_id": request_id, "reason": str(error)})
        answer = Answer(failure.status, failure.body, failure.headers)
    _count(answer.status)
    log.info("answered", extra={"request_id": request_id, "status": answer.status})
    headers = {**answer.headers, "x-request-id": request_id, "cache-control": "no-store"}
    return write_answer(call, Answer(answer.status, answer.body, headers))


def _asked(event: Mapping[str, Any]) -> tuple[str, str]:
    """What is asked for, and its id: (`executions` or `jobs`, id)."""
    if isinstance(event.get("requestContext"), dict):
        path = str(event.get("rawPath", "")).strip("/").split("/")
        if len(path) >= 3 and path[-3] == "v1" and path[-2] in {"executions", "jobs"}:
            return path[-2], path[-1]
        raise ApiError(404, "not_found", "ask for /v1/executions/ID or /v1/jobs/ID")
    for field in ("execution", "job"):
        if isinstance(event.get(field), str):
            return f"{field}s", event[field]
    raise ApiError(400, "malformed_event", 'send {"execution": ID} or {"job": ID}')


def _found(kind: str, wanted: str, place: Place) -> dict[str, Any]:
    if kind == "jobs":
        return job.status(wanted, place, os.environ.get("HOUSING_BUCKET", ""))
    cluster = os.environ.get("HOUSING_EKS_CLUSTER", "")
    if cluster and execution.is_training_on_eks(wanted):
        return execution.on_eks(wanted, place, cluster)
    return execution.status(wanted, place, os.environ.get("HOUSING_PIPELINE_NAME", "housing-forecast"))


def _upstream(error: ClientError | BotoCoreError) -> ApiError:
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    if "Throttl" in code or code in {"TooManyRequestsException", "SlowDown"}:
        return ApiError(429, "throttled", "too many requests; try again shortly", 1)
    return ApiError(502, "upstream", "the service could not be asked; the log of housing-status says why", 5)


def _count(status: int) -> None:
    if status >= 400:
        metrics.add_metric(names.FAILED if status >= 500 else names.REFUSED, MetricUnit.Count, 1)
        metrics.flush_metrics()
