"""Requests to an HTTP API with IAM authorization: whose signature is accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from emulator.functions.signature import ForbiddenError, Signed, verify

URL = "http://127.0.0.1:4599/_aws/execute-api/abc/$default/v1/forecast?a=1&b=%20x"


def signed(
    key: str = "emulator", word: str = "emulator", service: str = "execute-api", region: str = "eu-west-1", **headers: str
) -> Signed:
    request = AWSRequest("POST", URL, headers={"Content-Type": "application/json"}, data=b'{"a": 1}')
    SigV4Auth(Credentials(key, word), service, region).add_auth(request)
    sent = {name.lower(): str(value) for name, value in request.headers.items()}
    return Signed("POST", URL, {"host": "127.0.0.1:4599", **sent}, b'{"a": 1}')


def changed(one: Signed, **fields: object) -> Signed:
    return Signed(**{**one.__dict__, **fields})


def test_a_request_that_is_signed_well_is_accepted():
    assert verify(signed(), "eu-west-1") == "emulator"
    assert verify(signed("test", "test"), "eu-west-1") == "test", "the credentials of `housing local env`"


def without(one: Signed, name: str) -> Signed:
    return changed(one, headers={key: value for key, value in one.headers.items() if key != name})


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (without(signed(), "authorization"), "Missing Authentication Token"),
        (changed(signed(), headers={**signed().headers, "authorization": "Bearer x"}), "Signature Version 4"),
        (signed(service="sagemaker"), "eu-west-1/execute-api"),
        (signed(region="us-east-1"), "eu-west-1/execute-api"),
        (signed(key="other"), "security token"),
        (signed(word="other"), "does not match"),
        (changed(signed(), body=b'{"a": 2}'), "does not match"),
        (changed(signed(), url=URL.replace("forecast", "training")), "does not match"),
        (changed(signed(), method="PUT"), "does not match"),
        (without(signed(), "x-amz-date"), "X-Amz-Date"),
    ],
)
def test_any_other_is_refused_with_the_reason(request_, why):
    with pytest.raises(ForbiddenError, match=why):
        verify(request_, "eu-west-1")


def test_an_old_signature_is_refused():
    with pytest.raises(ForbiddenError, match="expired"):
        verify(signed(), "eu-west-1", datetime.now(UTC) + timedelta(minutes=6))
