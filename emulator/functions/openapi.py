"""Routes of an HTTP API from an OpenAPI document, as SAM writes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import moto.apigatewayv2.models

from emulator.clients import Clients
from emulator.context import Context

_INTEGRATION = "x-amazon-apigateway-integration"
_ANY = "x-amazon-apigateway-any-method"


def import_body(context: Context, api: str, body: Mapping[str, Any]) -> None:
    """Replace the routes and integrations of an API by those of the document. Not from the event loop."""
    gateway = context.part(Clients).get("apigatewayv2")
    known = moto.apigatewayv2.models.apigatewayv2_backends[context.account][context.region].get_api(api)
    known.routes.clear()
    known.integrations.clear()
    schemes = body.get("components", {}).get("securitySchemes", {})
    for path, methods in body.get("paths", {}).items():
        for method, details in methods.items():
            given = details[_INTEGRATION]
            integration = gateway.create_integration(
                ApiId=api,
                IntegrationType=given["type"].upper(),
                IntegrationUri=given["uri"],
                PayloadFormatVersion=str(given.get("payloadFormatVersion", "2.0")),
            )["IntegrationId"]
            key = "$default" if path == "/$default" else f"{'ANY' if method == _ANY else method.upper()} {path}"
            authorization = authorization_of(details.get("security", body.get("security", [])), schemes)
            gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}", AuthorizationType=authorization)


def authorization_of(security: list[dict[str, Any]], schemes: Mapping[str, Any]) -> str:
    """AWS_IAM, JWT, CUSTOM or NONE, from what an operation's security says."""
    for requirement in security:
        for name in requirement:
            scheme = schemes.get(name, {})
            if scheme.get("x-amazon-apigateway-authtype") == "awsSigv4":
                return "AWS_IAM"
            if "x-amazon-apigateway-authorizer" in scheme:
                return "JWT" if scheme["x-amazon-apigateway-authorizer"].get("type") == "jwt" else "CUSTOM"
    return "NONE"
