"""Whether a request to an HTTP API is signed as IAM authorization asks, with the emulator's own credentials."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hmac import compare_digest

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from emulator.context import ACCESS_KEY, SECRET_KEY

SERVICE = "execute-api"
KEYS = {ACCESS_KEY: SECRET_KEY, "test": "test"}
"""Access key -> secret: of jobs and functions, and what `emulator.lifecycle.env` gives to callers."""

_SKEW = timedelta(minutes=5)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


class ForbiddenError(Exception):
    """The gateway's word on a request that is not signed as it should be."""


@dataclass(frozen=True)
class Signed:
    """One request: its address as the caller signed it, headers by lower-case name."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def verify(request: Signed, region: str, now: datetime | None = None) -> str:
    """The access key that signed the request.

    Raises
    ------
    ForbiddenError
        When nobody did, an unknown key did, it is too old, or the signature is of another request.
    """
    text = request.headers.get("authorization")
    if text is None:
        raise ForbiddenError("Missing Authentication Token")
    found = _AUTHORIZATION.fullmatch(text.strip())
    if found is None:
        raise ForbiddenError("Authorization header is not an AWS Signature Version 4: sign the request for the service execute-api.")
    if (found["service"], found["region"]) != (SERVICE, region):
        raise ForbiddenError(f"Credential should be scoped to {region}/{SERVICE}, not {found['region']}/{found['service']}.")
    if found["key"] not in KEYS:
        raise ForbiddenError("The security token included in the request is invalid.")
    names = found["headers"].split(";")
    if "host" not in names or "x-amz-date" not in names:
        raise ForbiddenError("'Host' and 'X-Amz-Date' must be signed headers.")
    _check_time(request.headers.get("x-amz-date", ""), found["day"], now or datetime.now(UTC))
    stated = request.headers.get("x-amz-content-sha256")
    if stated is not None and stated != hashlib.sha256(request.body).hexdigest():
        raise ForbiddenError("The provided 'x-amz-content-sha256' header does not match what was computed.")
    if not compare_digest(_signature(request, found["key"], names, region), found["signature"]):
        raise ForbiddenError("The request signature we calculated does not match the signature you provided.")
    return found["key"]


def _check_time(stamp: str, day: str, now: datetime) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ForbiddenError("X-Amz-Date must be a time such as 20260101T120000Z.") from None
    if abs(now - signed) > _SKEW or not stamp.startswith(day):
        raise ForbiddenError(f"Signature expired or not yet current: {stamp} is not within five minutes of now.")


def _signature(request: Signed, key: str, names: list[str], region: str) -> str:
    """The signature of these headers of the request with this access key, by botocore."""
    signer = SigV4Auth(Credentials(key, KEYS[key]), SERVICE, region)
    kept = {name: request.headers.get(name, "") for name in names}
    again = AWSRequest(request.method, request.url, headers=kept, data=request.body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return str(signer.signature(text, again))
