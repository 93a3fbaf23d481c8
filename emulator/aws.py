"""Every service that is not ours: moto in this process, as one ASGI application."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from a2wsgi import WSGIMiddleware

from emulator import moto_s3
from emulator.asgi import Application
from emulator.object_store import ObjectStore
from emulator.persistence import PersistentS3, WsgiApp

_THREADS = 16


class Aws:
    """moto behind `app`, with its S3 kept below `folder`."""

    def __init__(self, folder: Path) -> None:
        from moto import settings
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication

        settings.S3_IGNORE_SUBDOMAIN_BUCKETNAME = True  # buckets are in the path, whatever the host is called
        moto_s3.install()
        self._moto: WsgiApp = DomainDispatcherApplication(_backend_app)
        self._objects = ObjectStore(folder)
        self.s3 = PersistentS3(self._moto, self._objects)
        self.restored = self.s3.restore()
        bridge: Any = WSGIMiddleware(cast(Any, self._answer), workers=_THREADS)
        self.app: Application = bridge
        self._threads: ThreadPoolExecutor = bridge.executor

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        _as_received(environ)
        service = environ["asgi.scope"]["emulator.service"]
        try:
            return (self.s3 if service == "s3" else self._moto)(environ, start_response)
        except NotImplementedError as error:
            return _refuse(environ, start_response, f"{service}: {error}")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._objects.close()


def _backend_app(service: Any) -> Any:
    from moto.moto_server.werkzeug_app import create_backend_app

    app = create_backend_app(service)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # so that an operation that moto lacks can be told from a fault
    return app


def _refuse(environ: dict[str, Any], start_response: Any, message: str) -> Iterable[bytes]:
    """An error that names the operation, in the form that the caller's protocol parses."""
    if "json" in environ.get("CONTENT_TYPE", ""):
        body = json.dumps({"__type": "NotImplemented", "message": message})
    else:
        error = f"<Error><Code>NotImplemented</Code><Message>{escape(message)}</Message></Error>"
        body = error if environ["asgi.scope"]["emulator.service"] == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
    start_response("501 Not Implemented", [("Content-Type", environ.get("CONTENT_TYPE") or "text/xml")])
    return [body.encode()]


def _as_received(environ: dict[str, Any]) -> None:
    """Give moto what WSGI drops: the path as sent, underscores in metadata names, chunked bodies, a presigned request's service."""
    scope = environ["asgi.scope"]
    query = environ["QUERY_STRING"]
    environ["RAW_URI"] = scope["raw_path"].decode("ascii") + (f"?{query}" if query else "")
    environ["wsgi.input_terminated"] = True
    preserved = {}
    for name, _ in scope["headers"]:
        if name.startswith(b"x-amz-meta-") and b"_" in name:
            text = name.decode("latin1")
            preserved["HTTP_" + text.upper().replace("-", "_")] = text
    environ["moto.preserved_header_names"] = preserved
    if environ["REQUEST_METHOD"] == "PUT" and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        environ["CONTENT_TYPE"] = "application/octet-stream"  # what curl and urllib say of any body: moto would parse it away
    if "HTTP_AUTHORIZATION" not in environ and "X-Amz-Credential=" in query:
        credential = parse_qs(query)["X-Amz-Credential"][0]
        environ["HTTP_AUTHORIZATION"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
