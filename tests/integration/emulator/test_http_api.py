"""An HTTP API route in front of a function."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zipfile

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HANDLER = """
import json

def handler(event, context):
    if "fail" in event.get("queryStringParameters", {}):
        raise ValueError("no")
    seen = [event["routeKey"], event["pathParameters"]["region"], event.get("body"), event["requestContext"]["http"]["method"]]
    return {"statusCode": 202, "headers": {"x-version": event["version"]}, "body": json.dumps(seen)}
"""


@pytest.fixture(scope="module")
def address(emulator) -> str:
    """Where the API answers."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", HANDLER)
    function = emulator.client("lambda").create_function(
        FunctionName="behind-http",
        Runtime="python3.11",
        Role="arn:aws:iam::123456789012:role/x",
        Handler="app.handler",
        Code={"ZipFile": content.getvalue()},
    )["FunctionArn"]
    gateway = emulator.client("apigatewayv2")
    api = gateway.create_api(Name="prices", ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0")
    gateway.create_route(ApiId=api, RouteKey="POST /regions/{region}", Target=f"integrations/{integration['IntegrationId']}")
    return f"{emulator.url}/_aws/execute-api/{api}/$default"


def _post(url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data=body, headers=headers or {}, method="POST"), timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_a_request_reaches_the_function_and_its_answer_comes_back(address):
    status, headers, body = _post(f"{address}/regions/San%20Antonio", b'{"horizon": 3}')
    assert (status, headers["x-version"]) == (202, "2.0")
    assert json.loads(body) == ["POST /regions/{region}", "San Antonio", '{"horizon": 3}', "POST"]


def test_the_gateways_own_errors(address, emulator):
    assert _post(f"{address}/elsewhere")[0] == 404
    assert _post(f"{emulator.url}/_aws/execute-api/absent/x/y")[0] == 404
    status, _, body = _post(f"{address}/regions/a?fail=1")
    assert (status, json.loads(body)) == (500, {"message": "Internal Server Error"})


def _signed(url: str, word: str = "emulator") -> tuple[int, bytes]:
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=b"{}")
    SigV4Auth(Credentials("emulator", word), "execute-api", "eu-west-1").add_auth(request)
    status, _, body = _post(url, b"{}", dict(request.headers.items()))
    return status, body


def test_a_route_with_iam_asks_for_a_valid_signature_and_one_with_jwt_is_refused_honestly(address, emulator):
    gateway = emulator.client("apigatewayv2")
    api = address.rpartition("/_aws/execute-api/")[2].partition("/")[0]
    (integration,) = gateway.get_integrations(ApiId=api)["Items"]
    target = f"integrations/{integration['IntegrationId']}"
    gateway.create_route(ApiId=api, RouteKey="POST /signed/{region}", Target=target, AuthorizationType="AWS_IAM")
    gateway.create_route(ApiId=api, RouteKey="POST /token/{region}", Target=target, AuthorizationType="JWT")
    assert _post(f"{address}/signed/Austin")[0] == 403
    assert _signed(f"{address}/signed/Austin", "wrong")[0] == 403
    status, body = _signed(f"{address}/signed/San%20Antonio?x=1")
    assert (status, json.loads(body)[1]) == (202, "San Antonio")
    assert _post(f"{address}/token/Austin")[0] == 501
