"""Pass a forecast request to the SageMaker endpoint and its answer back, unchanged.

| failure | status |
| --- | --- |
| body over 6 MB | 413, without asking the endpoint |
| the model refused the request | the model's own status and body |
| the endpoint throttles | 429 with Retry-After |
| the endpoint does not exist or is not in service | 503 with Retry-After |
| no answer in time | 504 |
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from lambdas.shared.errors import ApiError
from lambdas.shared.http import JSON, Answer, Call, read_call, write_answer

MAX_BODY_BYTES = 6 * 1024 * 1024
"""The limit of InvokeEndpoint."""

TIMEOUT_SECONDS = 25
"""Below the 29 s after which API Gateway gives up."""

ENDPOINT = os.environ.get("HOUSING_ENDPOINT_NAME", "housing-forecast")

log = Logger(service="housing-predict")
runtime = boto3.client(
    "sagemaker-runtime",
    config=Config(connect_timeout=2, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 2, "mode": "standard"}),
)


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Entry point: an HTTP API event gets an HTTP API response, a direct invocation the contract's JSON object."""
    call = None
    request_id = getattr(context, "aws_request_id", "") or "local"
    try:
        call = read_call(event, request_id)
        request_id = call.request_id
        answer = forecast(call)
    except ApiError as error:
        retry = {} if error.retry_after_seconds is None else {"retry-after": str(error.retry_after_seconds)}
        answer = Answer(error.status, error.body, retry)
    log.info("answered", extra={"request_id": request_id, "status": answer.status, "bytes": len(answer.body)})
    direct = call is not None and not call.from_gateway
    return write_answer(call, answer if direct else Answer(answer.status, answer.body, {**answer.headers, "x-request-id": request_id}))


def forecast(call: Call) -> Answer:
    """Invoke the endpoint; ApiError for every failure that is not the model's own answer."""
    if len(call.body) > MAX_BODY_BYTES:
        raise ApiError(
            413, "too_large", f"the body is larger than {MAX_BODY_BYTES} bytes; send fewer series at once, or use batch transform"
        )
    if not call.body:
        raise ApiError(400, "malformed_json", "the body is empty; send a forecast request")
    arguments = {"EndpointName": ENDPOINT, "Body": call.body, "ContentType": call.headers.get("content-type", JSON)}
    for header, name in (("accept", "Accept"), ("x-amzn-sagemaker-custom-attributes", "CustomAttributes")):
        if call.headers.get(header):
            arguments[name] = call.headers[header]
    try:
        reply = runtime.invoke_endpoint(**arguments)
    except ClientError as error:
        return _refused(error)
    except (ReadTimeoutError, ConnectTimeoutError) as error:
        raise ApiError(504, "timeout", f"the endpoint did not answer within {TIMEOUT_SECONDS} s; send fewer series at once") from error
    except BotoCoreError as error:
        log.error("endpoint unreachable", extra={"reason": str(error)})
        raise ApiError(502, "unreachable", "the endpoint cannot be reached; try again shortly", 1) from error
    return Answer(200, reply["Body"].read(), {"content-type": reply.get("ContentType", JSON)})


def _refused(error: ClientError) -> Answer:
    """The model's own answer, or ApiError for a refusal of the service."""
    response: dict[str, Any] = dict(error.response)
    code, message = response["Error"].get("Code", ""), response["Error"].get("Message", "")
    if code == "ModelError":
        status = int(response.get("OriginalStatusCode", 502))
        body = str(response.get("OriginalMessage", "")).encode()
        return Answer(status, body or ApiError(status, "model_error", message).body)
    log.warning("endpoint refused", extra={"code": code, "reason": message})
    if code in {"ThrottlingException", "TooManyRequestsException"}:
        raise ApiError(429, "throttled", "too many requests; try again shortly", 1) from error
    if code in {"ValidationError", "ValidationException"} and "ndpoint" in message:
        raise ApiError(503, "no_endpoint", f"the endpoint {ENDPOINT} does not exist or is not in service", 30) from error
    if code in {"ServiceUnavailable", "ServiceUnavailableException", "ModelNotReadyException", "InternalDependencyException"}:
        raise ApiError(503, "unavailable", "the endpoint is busy or starting; try again shortly", 5) from error
    if code in {"ValidationError", "ValidationException"}:
        raise ApiError(400, "invalid_request", message) from error
    raise ApiError(502, "upstream", "the endpoint could not be asked; the log of housing-predict says why") from error
