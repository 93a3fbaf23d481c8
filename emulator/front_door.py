"""One address for every service: the signature says which, this application hands the request to whoever answers it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from emulator import operations, protocol
from emulator.asgi import Application, ClientGoneError, Receive, Scope, Send, encoded, read_body, respond
from emulator.context import Context
from emulator.routing import is_foreign, service_of, signed_service

Choice: TypeAlias = Callable[[str, str], Application | None]
"""From the method and path of a request to the application that answers it, or None."""
_THREADS = 32
_LOG = logging.getLogger(__name__)


class FrontDoor:
    """The ASGI application.

    Parameters
    ----------
    context
        The emulator whose operations answer.
    others
        What answers every service that has no registered operation.
    direct
        What answers those paths of a service that don't go through `protocol.answer`, by service.
    prefixes
        What answers requests whose path begins so, signed or not.
    pages
        What unsigned requests see, by path.
    """

    def __init__(
        self,
        context: Context,
        others: Application,
        direct: Mapping[str, Choice],
        prefixes: Mapping[str, Application],
        pages: Mapping[str, Callable[[], dict[str, Any]]],
    ) -> None:
        self._context, self._others, self._direct = context, others, direct
        self._prefixes, self._pages = prefixes, pages
        self._ours = {service for service, _ in operations.registered()} | set(direct)
        self._threads = ThreadPoolExecutor(_THREADS, "api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"{scope['type']} is not served here")
        try:
            await self._route(scope, receive, send)
        except ClientGoneError:
            return
        except asyncio.CancelledError:
            _LOG.info("%s %s was still under way when the emulator stopped", scope["method"], scope["path"])

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_foreign(scope["headers"]):
            await respond(
                send, 403, [(b"content-type", b"text/plain")], b"The emulator answers to programs on this computer, not to web pages.\n"
            )
            return
        signed = signed_service(scope["headers"], scope["query_string"])
        path = scope["path"]
        for prefix, unsigned in self._prefixes.items():
            if path.startswith(prefix):
                await unsigned(scope, receive, send)
                return
        if signed is None:
            if path in self._pages and scope["method"] in ("GET", "HEAD"):
                await self._show(self._pages[path], send)
                return
            service = "s3"
        else:
            service = service_of(signed, path)
        direct = self._direct.get(service)
        application = direct(scope["method"], path) if direct is not None else None
        if application is not None:
            await application(scope, receive, send)
        elif service in self._ours:
            await self._answer(service, scope, receive, send)
        else:
            scope["emulator.service"] = service
            await self._others(scope, receive, send)

    async def _answer(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        query = parse_qs(scope["query_string"].decode("latin1"), keep_blank_values=True)
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        loop = asyncio.get_running_loop()
        path = scope["raw_path"].decode("latin1")
        arguments = (service, scope["method"], path, query, headers, body or b"", self._context)
        response = await loop.run_in_executor(self._threads, protocol.answer, *arguments)
        await respond(send, response.status, encoded(response.headers), response.body)

    async def _show(self, page: Callable[[], dict[str, Any]], send: Send) -> None:
        content = await asyncio.get_running_loop().run_in_executor(self._threads, page)
        await respond(send, 200, [(b"content-type", b"application/json")], json.dumps(content, indent=2).encode() + b"\n")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
