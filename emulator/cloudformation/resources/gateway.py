"""API Gateway: HTTP APIs with their stages, routes, integrations and authorizers."""

from __future__ import annotations

from typing import Any

import moto.apigatewayv2.models

from emulator.cloudformation.kinds import Made, Properties, Resource, Work
from emulator.functions import http_api


class Api(Resource):
    """AWS::ApiGatewayV2::Api."""

    type = "AWS::ApiGatewayV2::Api"
    known = frozenset(
        {
            "Name",
            "ProtocolType",
            "Description",
            "CorsConfiguration",
            "DisableExecuteApiEndpoint",
            "Body",
            "FailOnWarnings",
            "Tags",
        }
    )
    fixed = frozenset({"ProtocolType"})
    simulated = "answers at the emulator's own address; throttling and access logs are recorded; CORS is left to the function"

    def create(self, work: Work, properties: Properties) -> Made:
        body = properties.get("Body")
        name = properties.get("Name") or (body or {}).get("info", {}).get("title") or work.name(128)
        api = work.call(
            "apigatewayv2",
            "create_api",
            Name=name,
            ProtocolType=properties.get("ProtocolType", "HTTP"),
            Description=properties.get("Description"),
            CorsConfiguration=properties.get("CorsConfiguration"),
            Tags=properties.get("Tags"),
        )
        if body is not None:
            http_api.import_body(work.context, api["ApiId"], body)
        return self._made(work, api["ApiId"])

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        given = {key: new.get(key) for key in ("Name", "Description", "CorsConfiguration")}
        work.call("apigatewayv2", "update_api", ApiId=made.physical_id, **given)
        if old.get("Body") != new.get("Body") and new.get("Body") is not None:
            http_api.import_body(work.context, made.physical_id, new["Body"])
        return self._made(work, made.physical_id)

    def _made(self, work: Work, api: str) -> Made:
        return Made(api, {"ApiId": api, "ApiEndpoint": http_api.address(work.context, api)})

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("apigatewayv2", "delete_api", ApiId=made.physical_id)

    def as_before(self, work: Work, made: Made, before: Made) -> Made:
        apis = moto.apigatewayv2.models.apigatewayv2_backends[work.context.account][work.context.region].apis
        api = apis.pop(made.physical_id)
        api.api_id = before.physical_id
        apis[api.api_id] = api
        return self._made(work, before.physical_id)


class Stage(Resource):
    """AWS::ApiGatewayV2::Stage."""

    type = "AWS::ApiGatewayV2::Stage"
    known = frozenset(
        {
            "ApiId",
            "StageName",
            "AutoDeploy",
            "Description",
            "DefaultRouteSettings",
            "RouteSettings",
            "StageVariables",
            "AccessLogSettings",
            "Tags",
        }
    )
    fixed = frozenset({"ApiId", "StageName"})
    required = fixed
    simulated = "throttling and access logs are recorded; every stage serves the routes as they are"

    def create(self, work: Work, properties: Properties) -> Made:
        work.call("apigatewayv2", "create_stage", **properties)
        return Made(properties["StageName"])

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        self.delete(work, made, old)
        return self.create(work, new)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("apigatewayv2", "delete_stage", ApiId=properties["ApiId"], StageName=made.physical_id)


class _Part(Resource):
    """Something inside of an API, which moto knows by an id of its own."""

    operation = ""
    id_name = ""

    def create(self, work: Work, properties: Properties) -> Made:
        return Made(work.call("apigatewayv2", f"create_{self.operation}", **self._given(properties))[self.id_name])

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        work.call("apigatewayv2", f"update_{self.operation}", **{self.id_name: made.physical_id}, **self._given(new))
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        names = {"ApiId": properties["ApiId"], self.id_name: made.physical_id}
        work.quietly("apigatewayv2", f"delete_{self.operation}", **names)

    def _given(self, properties: Properties) -> dict[str, Any]:
        return dict(properties)


class Integration(_Part):
    """AWS::ApiGatewayV2::Integration."""

    type = "AWS::ApiGatewayV2::Integration"
    known = frozenset(
        {
            "ApiId",
            "IntegrationType",
            "IntegrationUri",
            "IntegrationMethod",
            "PayloadFormatVersion",
            "TimeoutInMillis",
            "Description",
            "ConnectionType",
            "CredentialsArn",
        }
    )
    fixed = frozenset({"ApiId"})
    required = frozenset({"ApiId", "IntegrationType"})
    simulated = "functions alone, in payload format 2.0"
    operation, id_name = "integration", "IntegrationId"


class Route(_Part):
    """AWS::ApiGatewayV2::Route."""

    type = "AWS::ApiGatewayV2::Route"
    known = frozenset({"ApiId", "RouteKey", "Target", "AuthorizationType", "AuthorizerId", "AuthorizationScopes", "OperationName"})
    fixed = frozenset({"ApiId"})
    required = frozenset({"ApiId", "RouteKey"})
    simulated = "AWS_IAM asks for a valid signature and no permission; routes with another authorizer answer 501"
    operation, id_name = "route", "RouteId"


class Authorizer(_Part):
    """AWS::ApiGatewayV2::Authorizer."""

    type = "AWS::ApiGatewayV2::Authorizer"
    known = frozenset({"ApiId", "Name", "AuthorizerType", "IdentitySource", "JwtConfiguration"})
    fixed = frozenset({"ApiId", "AuthorizerType"})
    required = frozenset({"ApiId", "Name", "AuthorizerType"})
    simulated = "recorded: the routes that use it answer 501"
    operation, id_name = "authorizer", "AuthorizerId"
