"""An HTTP API in front of functions: what API Gateway's routes say, kept in moto, served at `/_aws/execute-api/API_ID/STAGE/PATH`."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import moto.apigatewayv2.models

from emulator.asgi import Headers, Receive, Scope, Send, encoded, read_body, respond
from emulator.context import Context
from emulator.errors import ApiError
from emulator.functions.invoke import Invoker
from emulator.functions.openapi import import_body
from emulator.functions.reference import function_of
from emulator.functions.signature import ForbiddenError, Signed, verify

PREFIX = "/_aws/execute-api/"
MAX_BODY_BYTES = 10 * 1024 * 1024
TIMEOUT_SECONDS = 30.0
DEFAULT_STAGE = "$default"
_FUNCTION = re.compile(r"arn:aws[^/]*:lambda:[^/]*?:(function:[A-Za-z0-9_-]+(?::[A-Za-z0-9$_-]+)?)")
_MOTO: Any = moto.apigatewayv2.models

__all__ = ["DEFAULT_STAGE", "PREFIX", "HttpApi", "Match", "Route", "address", "import_body", "match"]


def address(context: Context, api: str) -> str:
    """Where an API answers: what stands for `https://API.execute-api.REGION.amazonaws.com` and its default stage."""
    return f"{context.endpoint_url}{PREFIX}{api}/{DEFAULT_STAGE}"


class _HttpError(Exception):
    """An answer of the gateway itself."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Route:
    """What answers a route, and what it asks of the caller: NONE, AWS_IAM or another authorizer."""

    function: str
    authorization: str = "NONE"


@dataclass(frozen=True)
class Match:
    """The route of a request and the values in its path."""

    key: str
    parameters: dict[str, str]
    route: Route


def match(routes: Mapping[str, Route], method: str, path: str) -> Match | None:
    """The most specific of the routes (by key, such as `POST /v1/{name}`) for a request: literal parts before variables,
    variables before `{proxy+}`, the method before ANY, `$default` last."""
    found = []
    for key, route in routes.items():
        wanted, _, template = key.partition(" ")
        parameters = _parameters(template, path) if wanted in (method, "ANY") else None
        if parameters is not None:
            found.append(((template.count("+}"), template.count("{"), wanted == "ANY"), Match(key, parameters, route)))
    if found:
        return min(found, key=lambda one: one[0])[1]
    return Match("$default", {}, routes["$default"]) if "$default" in routes else None


def _parameters(template: str, path: str) -> dict[str, str] | None:
    names = re.findall(r"\{(\w+)\+?\}", template)
    pieces = re.split(r"(\{\w+\+?\})", template)
    pattern = "".join(("(.+)" if piece.endswith("+}") else "([^/]+)") if piece.startswith("{") else re.escape(piece) for piece in pieces)
    found = re.fullmatch(pattern, path)
    return None if found is None else dict(zip(names, map(unquote, found.groups()), strict=True))


class HttpApi:
    """Answers requests below PREFIX, as an ASGI application."""

    def __init__(self, context: Context) -> None:
        self._context, self._invoker = context, context.part(Invoker)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, MAX_BODY_BYTES)
        try:
            if body is None:
                raise _HttpError(413, "Request Entity Too Large")
            status, headers, content = await self._handle(scope, body)
        except _HttpError as error:
            status, content = error.status, json.dumps({"message": error.message}).encode()
            headers = [(b"content-type", b"application/json")]
        await respond(send, status, headers, content)

    async def _handle(self, scope: Scope, body: bytes) -> tuple[int, Headers, bytes]:
        api, _, rest = scope["raw_path"].decode("latin1").removeprefix(PREFIX).partition("/")
        stage, _, path = rest.partition("/")
        found = match(self._routes(api), scope["method"], f"/{path}")
        if found is None:
            raise _HttpError(404, "Not Found")
        event = _event(scope, body, found, api, unquote(stage) or DEFAULT_STAGE, f"/{path}", self._context.account)
        event["requestContext"] |= self._authorized(found, scope, event["headers"], body)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                outcome = await self._invoker.call(function_of(self._context, found.route.function), json.dumps(event).encode())
        except TimeoutError:
            raise _HttpError(503, "Service Unavailable") from None
        except ApiError:
            raise _HttpError(500, "Internal Server Error") from None
        if outcome.failed:
            raise _HttpError(500, "Internal Server Error")
        return _answer(outcome.payload)

    def _routes(self, api: str) -> dict[str, Route]:
        """The routes of an API by key, read where moto keeps them: a request to it would cost more than the function."""
        found = _MOTO.apigatewayv2_backends[self._context.account][self._context.region].apis.get(api)
        if found is None:
            raise _HttpError(404, "Not Found")
        known = {}
        for route in list(found.routes.values()):
            integration = found.integrations.get((route.target or "").rpartition("/")[2])
            function = _FUNCTION.search((integration.integration_uri or "") if integration is not None else "")
            if function is not None:
                known[route.route_key] = Route(function[0], route.authorization_type or "NONE")
        return known

    def _authorized(self, found: Match, scope: Scope, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """What the event says of the caller, whom the route asked for."""
        if found.route.authorization == "NONE":
            return {}
        if found.route.authorization != "AWS_IAM":
            raise _HttpError(501, f"route {found.key}: {found.route.authorization} authorizers are not implemented by this emulator")
        query = scope["query_string"].decode("latin1")
        url = f"http://{headers.get('host', '')}{scope['raw_path'].decode('latin1')}{'?' if query else ''}{query}"
        try:
            key = verify(Signed(scope["method"], url, headers, body), self._context.region)
        except ForbiddenError as error:
            raise _HttpError(403, str(error)) from None
        account = self._context.account
        user = {"accessKey": key, "accountId": account, "callerId": key, "userId": key, "userArn": f"arn:aws:iam::{account}:user/{key}"}
        return {"authorizer": {"iam": user}}


def _event(scope: Scope, body: bytes, found: Match, api: str, stage: str, path: str, account: str) -> dict[str, Any]:  # noqa: PLR0917
    """The request in API Gateway's payload format 2.0."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        text = value.decode("latin1")
        headers[name.decode("latin1")] = f"{headers[name.decode('latin1')]},{text}" if name.decode("latin1") in headers else text
    query = scope["query_string"].decode("latin1")
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    try:
        content, coded = body.decode(), False
    except UnicodeDecodeError:
        content, coded = base64.b64encode(body).decode(), True
    http = {"method": scope["method"], "path": path, "protocol": f"HTTP/{scope['http_version']}", "sourceIp": "127.0.0.1"}
    http["userAgent"] = headers.get("user-agent", "")
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": found.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": account,
            "apiId": api,
            "domainName": headers.get("host", ""),
            "http": http,
            "requestId": str(uuid.uuid4()),
            "routeKey": found.key,
            "stage": stage,
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": coded,
    }
    optional = {"queryStringParameters": parameters, "pathParameters": found.parameters, "body": content}
    return event | {name: value for name, value in optional.items() if value}


def _answer(payload: bytes) -> tuple[int, Headers, bytes]:
    """A function's result as a response: a document with a statusCode is one, anything else is the body."""
    result = json.loads(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        return 200, [(b"content-type", b"application/json")], payload
    body = result.get("body") or ""
    content = base64.b64decode(body) if result.get("isBase64Encoded") else (body if isinstance(body, str) else json.dumps(body)).encode()
    headers = encoded({name: str(value) for name, value in (result.get("headers") or {}).items()})
    headers = [header for header in headers if header[0] != b"content-length"]
    headers += [(b"set-cookie", cookie.encode("latin1")) for cookie in result.get("cookies", [])]
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    return int(result["statusCode"]), headers, content
