"""Which service a request is for, read from its signature."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qs

_HEADER = re.compile(rb"Credential=[^/,]+/\d+/[^/,]*/([^/,]+)/aws4_request")
_QUERY = "X-Amz-Credential"
_LOCAL = re.compile(
    rb"(?:https?://)?(?:localhost|[\w.-]+\.localhost|host\.docker\.internal|\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\])(?::\d+)?", re.IGNORECASE
)
_NAMES = {"eventbridge": "events"}


def signed_service(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> str | None:
    """The service in a SigV4 credential scope, of the Authorization header or of a presigned address; None without a signature.

    Services that share a signing name are told apart by `service_of`.
    """
    for name, value in headers:
        if name == b"authorization":
            found = _HEADER.search(value)
            if found is not None:
                return _named(found[1].decode("latin1"))
    if b"X-Amz-Credential=" in query:
        scope = parse_qs(query.decode("latin1"))[_QUERY][0].split("/")
        return _named(scope[3]) if len(scope) == 5 else None
    return None


def service_of(signed: str, path: str) -> str:
    """botocore's name of the service: `sagemaker` signs for the runtime too, whose paths are those of endpoints."""
    return "sagemaker-runtime" if signed == "sagemaker" and path.startswith("/endpoints/") else signed


def _named(signed: str) -> str:
    return _NAMES.get(signed.lower(), signed.lower())


def is_foreign(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a browser sends this for a page from elsewhere: a web site must not reach a service that runs commands on this computer.

    Such a request names its page's origin, or, when the page's name was pointed at this computer, that name as the host.
    """
    return any(_LOCAL.fullmatch(value) is None for name, value in headers if name in (b"origin", b"host"))
