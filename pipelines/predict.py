"""Asks the Lambda function for a forecast, as the HTTP API in front of it would."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from pipelines.aws import client, is_absent
from pipelines.direct import Endpoint
from pipelines.errors import DeploymentError, PredictionError
from pipelines.settings import Settings
from pipelines.transform import LEVELS

PATH = "/v1/forecast"


def predict(regions: Sequence[str], settings: Settings, horizon: int | None = None, *, direct: bool = False) -> dict[str, Any]:
    """The response body for regions that the model knows, at the nine stored quantiles; `direct` asks the endpoint, not the function.

    Errors: DeploymentError when function or endpoint do not exist or broke, PredictionError with the field that the model refused.
    """
    parameters: dict[str, Any] = {"quantile_levels": [float(level) for level in LEVELS]}
    if horizon is not None:
        parameters["prediction_length"] = horizon
    request = {"inputs": [{"item_id": region} for region in regions], "parameters": parameters}
    return Endpoint(settings.endpoint_name, settings.region).forecast(request) if direct else invoke(request, settings)


def in_front(settings: Settings) -> bool:
    """Whether the function that answers requests is there: the stack of `housing bootstrap` has it."""
    try:
        client("lambda", settings).get_function_configuration(FunctionName=settings.function_name)
    except ClientError as error:
        if is_absent(error):
            return False
        raise
    return True


def invoke(request: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Send one request of the contract through the function and return the decoded response body."""
    name = settings.function_name
    try:
        response = client("lambda", settings).invoke(FunctionName=name, Payload=json.dumps(_event(request)).encode())
    except ClientError as error:
        if is_absent(error):
            raise DeploymentError(f"function {name}: does not exist; run `housing bootstrap` first") from error
        raise
    answer = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise DeploymentError(f"function {name}: {answer.get('errorMessage', answer)}; run `housing bootstrap` again")
    body: dict[str, Any] = json.loads(answer["body"])
    if answer["statusCode"] == 202:
        raise PredictionError(f"the endpoint is asynchronous: the answer will be told at {body['job']['status_url']}")
    if answer["statusCode"] != 200:
        fault = body.get("error", body)
        where = f"{fault['field']}: " if fault.get("field") else ""
        raise PredictionError(f"{where}{fault.get('message', fault)}")
    return body


def _event(request: dict[str, Any]) -> dict[str, Any]:
    """What API Gateway hands to a function: an HTTP API event of format 2.0."""
    return {
        "version": "2.0",
        "routeKey": f"POST {PATH}",
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"stage": "$default", "requestId": "direct", "http": {"method": "POST", "path": PATH}},
        "body": json.dumps(request),
        "isBase64Encoded": False,
    }
