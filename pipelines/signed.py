"""One AWS service over a kept connection: a request is signed by botocore and sent by urllib3, without a client in between.

A boto3 client reads the service's model when it is made and walks its event hooks at each call; for one operation that is asked thousands
of times, or once in a cold function, most of that is not needed. The environment decides where a request goes, as with boto3
(`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_SERVICE`); what only a configuration file says is not read, and no proxy is used.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import get_cert_path
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError
from urllib3.exceptions import TimeoutError as NoAnswerError
from urllib3.util.ssl_ import create_urllib3_context

from pipelines.errors import DeploymentError

CONNECT_SECONDS = 2.0
KEPT = 8
"""Connections that are kept open, for as many threads."""

_CHUNK = 1 << 16


class SignedError(Exception):
    """No answer: the service cannot be reached, or (`timed_out`) did not answer in time."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


@dataclass(frozen=True)
class Service:
    """What a request needs to know of a service: its name in signatures, in `AWS_ENDPOINT_URL_*`, and in host names."""

    signing_name: str
    variable: str
    host: str


SAGEMAKER_RUNTIME = Service("sagemaker", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "runtime.sagemaker")
S3 = Service("s3", "AWS_ENDPOINT_URL_S3", "s3")


@dataclass(frozen=True)
class Reply:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """A kept connection: plain HTTP requests with a deadline each. For one thread at a time, or several."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DeploymentError(f"{base_url!r}: is no address; write https://HOST")
        self.base_url = base_url.rstrip("/")
        self.path = parts.path.rstrip("/")
        if parts.scheme == "https":
            self._pool: Any = urllib3.HTTPSConnectionPool(parts.hostname, parts.port, maxsize=KEPT, ssl_context=tls_context(_authorities()))
        else:
            self._pool = urllib3.HTTPConnectionPool(parts.hostname, parts.port, maxsize=KEPT)
        self._pool.ConnectionCls = _Secure if parts.scheme == "https" else _Plain

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
        """Send a request and read the answer within `seconds`; once more where a kept connection was closed before a byte of it came.

        Errors: SignedError when there is no answer.
        """
        until = time.monotonic() + seconds
        try:
            try:
                return self._once(method, self.path + path, headers, body, until)
            except ClosedError:
                return self._once(method, self.path + path, headers, body, until)
        except NewConnectionError as error:  # a timeout by its class, in some versions
            raise SignedError("not reachable: no connection") from error
        except NoAnswerError as error:
            raise SignedError(f"no answer within {seconds:.1f} s", timed_out=True) from error
        except (HTTPError, OSError) as error:
            raise SignedError(f"not reachable: {type(error).__name__}") from error

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes, until: float) -> Reply:
        left = until - time.monotonic()
        if left <= 0:
            raise NoAnswerError("the deadline has passed")
        answer = self._begun(method, path, headers, body, left)
        try:
            chunks = []
            while chunk := answer.read(_CHUNK, decode_content=False):
                chunks.append(chunk)
                if time.monotonic() > until:
                    raise NoAnswerError("the answer does not end")
        except BaseException:
            answer.close()
            raise
        finally:
            answer.release_conn()
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, b"".join(chunks))

    def _begun(self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Any:
        """The answer up to its body; ClosedError when the connection was a kept one that the other side had closed."""
        _opened.now = False
        try:
            return self._pool.urlopen(
                method,
                path,
                body=body or None,
                headers=dict(headers),
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
                enforce_content_length=True,  # the default of newer versions alone: half an answer is none
            )
        except ProtocolError as error:
            if _opened.now or not isinstance(error.args[-1], ConnectionError):
                raise
            raise ClosedError(*error.args) from error


class ClosedError(ProtocolError):
    """A kept connection was closed before a byte of the answer came."""


class _Opened(threading.local):
    """Whether this thread's request opened a connection."""

    now = False


_opened = _Opened()


class _Plain(HTTPConnection):
    def connect(self) -> None:
        _opened.now = True
        super().connect()


class _Secure(HTTPSConnection):
    def connect(self) -> None:
        _opened.now = True
        super().connect()


class SignedConnection:
    """Requests to one service, signed with the caller's credentials (Signature Version 4)."""

    def __init__(self, service: Service, region: str, find_credentials: Callable[[], Any] | None = None) -> None:
        self._connection = Connection(_address(service, region))
        self._signer = S3SigV4Auth if service is S3 else SigV4Auth
        self._names = service.signing_name, region
        self._credentials = (find_credentials or credentials)()

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
        """Send a request whose path is percent-encoded already; SignedError when there is no answer within `seconds`."""
        request = AWSRequest(method=method, url=self._connection.base_url + path, data=body, headers=dict(headers))
        self._signer(self._credentials, *self._names).add_auth(request)
        return self._connection.send(method, path, dict(request.headers.items()), body, seconds)


@lru_cache
def tls_context(authorities: str) -> ssl.SSLContext:
    """What verifies servers by the certificates in a file: read once per process (25 ms), where urllib3 would read it per connection."""
    context: ssl.SSLContext = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(authorities)
    return context


def _authorities() -> str:
    """The file of certificates that boto3 would use."""
    return os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or str(get_cert_path(True))


def region() -> str:
    """The region of the environment; DeploymentError when it names none."""
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found:
        raise DeploymentError("AWS_REGION: names no region; set it, for example to us-east-1")
    return found


def credentials() -> Any:
    """The caller's credentials: those of the environment at once, else what botocore's chain finds (which renews them).

    Errors: DeploymentError when there are none.
    """
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN"), "env")
    from botocore.session import Session

    found = Session().get_credentials()
    if found is None:
        raise DeploymentError("credentials: none found; configure them as for the AWS command line")
    return found


def _address(service: Service, region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    default = f"https://{service.host}.{region}.{suffix}"
    return os.environ.get(service.variable) or os.environ.get("AWS_ENDPOINT_URL") or default
