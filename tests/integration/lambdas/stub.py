"""AWS on loopback as the predict function sees it: endpoints that answer, refuse, hang or are not there, and a bucket."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

Reply = tuple[int, dict[str, str], bytes]
JSON = {"content-type": "application/json"}
DROP_BYTES = 40_000
"""Of an answer that comes in drops, every `drip_seconds`."""


@dataclass
class Asked:
    """One request that reached the stub."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Aws:
    """Plays SageMaker's runtime (`replies` by name of endpoint), S3 (`objects` by bucket and key) and the service on EKS."""

    replies: dict[str, Reply | Callable[[], Reply]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    s3_fault: Reply | Callable[[], Reply] | None = None
    eks: Reply | Callable[[], Reply] = (200, JSON, b'{"predictions": ["eks"]}')
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    drip_seconds: float = 0.0
    connections: list[socket.socket] = field(default_factory=list)

    def drop_connections(self) -> None:
        """Close what is kept open, as a server does after a while."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def paths(self, part: str) -> list[str]:
        """The requests whose path holds `part`."""
        return [one.path for one in self.asked if part in one.path]

    def answer(self, request: Asked) -> Reply:
        if request.path.endswith("/async-invocations"):
            name = request.headers["x-amzn-sagemaker-inputlocation"]
            return 202, {**JSON, "x-amzn-sagemaker-outputlocation": f"{name}.out"}, b'{"InferenceId": "i"}'
        if request.path.startswith("/endpoints/"):
            name = request.path.split("/")[2]
            missing = refusal("ValidationError", f"Endpoint {name} of account 1 not found.")
            return _called(self.replies.get(name, missing))
        if request.path == "/v1/forecast":
            return _called(self.eks)
        if self.s3_fault is not None:
            return _called(self.s3_fault)
        key = unquote(request.path.lstrip("/").partition("?")[0])
        if request.method == "PUT":
            self.objects[key] = request.body
            return 200, {}, b""
        return (200, JSON, self.objects[key]) if key in self.objects else (404, {}, b"<Error><Code>NoSuchKey</Code></Error>")


def _called(reply: Reply | Callable[[], Reply]) -> Reply:
    return reply() if callable(reply) else reply


def refusal(code: str, message: str, status: int = 400, **more: object) -> Reply:
    """What the service answers when it refuses."""
    content = {"message": message, "Message": message, **more}
    return status, {**JSON, "x-amzn-errortype": code}, json.dumps(content).encode()


def model_error(status: int, body: str) -> Reply:
    """What the service answers when the model itself refused or failed."""
    return refusal("ModelError", f"Received error ({status}) from primary", 424, OriginalStatusCode=status, OriginalMessage=body)


def hanging(seconds: float) -> Callable[[], Reply]:
    """An answer that comes late."""

    def late() -> Reply:
        time.sleep(seconds)
        return 200, JSON, b"late"

    return late


def answering(name: str) -> Reply:
    """A forecast that says who made it."""
    return 200, JSON, json.dumps({"predictions": [name]}).encode()


def event(body: str = '{"inputs": [{"item_id": "Austin"}]}', **headers: str) -> dict[str, Any]:
    """What API Gateway hands to the function; header names with underscores."""
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {"version": "2.0", "requestContext": {"requestId": "r1"}, "headers": sent, "body": body, "isBase64Encoded": False}


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Aws]:
    """The stub on a free port."""
    state = Aws(scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            state.connections.append(self.request)
            super().setup()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            request = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            state.asked.append(request)
            status, headers, content = state.answer(request)
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for first in range(0, len(content), DROP_BYTES if state.drip_seconds else max(1, len(content))):
                time.sleep(state.drip_seconds)
                self.wfile.write(content[first : first + DROP_BYTES] if state.drip_seconds else content)
            self.close_connection = headers.get("content-length", str(len(content))) != str(len(content))

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads, block_on_close = True, False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that gave up."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
