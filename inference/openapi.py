"""The OpenAPI document, made from the structs that decode the requests."""

from __future__ import annotations

from typing import Any

import msgspec

from inference import content
from inference.contract import MAX_ITEMS, Request

_REF = "#/components/schemas/"

_PREDICTION: dict[str, Any] = {
    "type": "object",
    "required": ["mean", "model_version"],
    "properties": {
        "item_id": {"type": "string"},
        "start": {"type": "string", "description": "First forecast period, YYYY-MM-DD"},
        "mean": {"type": "array", "items": {"type": "number"}, "description": "The median per period"},
        "drawdown_probability": {"type": ["number", "null"]},
        "model_version": {"type": "string"},
        "explanation": {"type": "object", "description": "price and drawdown: log_price, log_odds = base + the sum of contributions"},
    },
    "additionalProperties": {"type": "array", "items": {"type": "number"}, "description": "One list per quantile level, e.g. 0.1"},
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "field", "message"],
            "properties": {name: {"type": "string"} for name in ("code", "field", "message")},
        }
    },
}
_REFUSALS = {
    "400": "The request has no meaning; `field` says where",
    "406": "None of the accepted media types is spoken",
    "413": "The body is too large",
    "415": "The body's media type is not spoken",
    "503": "Not ready, or too much is waiting; Retry-After says when to come back",
}


def document(model_version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of the server that serves `model_version`."""
    (request,), components = msgspec.json.schema_components([Request], ref_template=_REF + "{name}")
    components["Request"]["properties"]["inputs"] |= {"minItems": 1, "maxItems": MAX_ITEMS}
    response = {
        "type": "object",
        "required": ["predictions"],
        "properties": {"id": {"type": ["string", "integer"]}, "predictions": {"type": "array", "items": {"$ref": _REF + "Prediction"}}},
    }
    forecast = {"post": _forecast(request)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Housing forecasts", "version": model_version, "description": "Quantile paths and drawdown probabilities"},
        "paths": {
            "/invocations": forecast,
            "/v1/forecast": forecast,
            "/ping": {"get": _get("200 once the model is loaded and warm, else 503", "503")},
            "/readyz": {"get": _get("As /ping", "503")},
            "/healthz": {"get": _get("200 while the process lives")},
            "/v1/regions": {"get": _get("The regions that can be asked for by name", "503")},
            "/execution-parameters": {"get": _get("What a batch transform should use")},
            "/metrics": {"get": _get("Prometheus metrics", media="text/plain")},
        },
        "components": {"schemas": {**components, "Prediction": _PREDICTION, "Response": response, "Error": _ERROR}},
    }


def _forecast(request: dict[str, Any]) -> dict[str, Any]:
    bodies: dict[str, Any] = {content.JSON: {"schema": request}}
    bodies |= {kind: {"schema": {"type": "string"}} for kind in (content.JSON_LINES, content.CSV)}
    answers: dict[str, Any] = {content.JSON: {"schema": {"$ref": _REF + "Response"}}}
    answers |= {kind: {"schema": {"type": "string"}} for kind in (content.JSON_LINES, content.CSV)}
    return {
        "summary": "Forecast known regions or unseen series",
        "requestBody": {"required": True, "content": bodies},
        "responses": {"200": {"description": "One prediction per input", "content": answers}, **_refusals(*_REFUSALS)},
    }


def _get(summary: str, *refusals: str, media: str = content.JSON) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": summary, "content": {media: {}}}, **_refusals(*refusals)}}


def _refusals(*statuses: str) -> dict[str, Any]:
    error = {content.JSON: {"schema": {"$ref": _REF + "Error"}}}
    return {status: {"description": _REFUSALS[status], "content": error} for status in statuses}
