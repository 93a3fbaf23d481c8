"""Servers with nothing behind: what the way from the socket to the handler and back costs. `python -m benchmarks.servers.null NAME PORT`.

`ours` is `inference.connection`, `uvicorn` a bare ASGI application, `fastapi` a route of a FastAPI application; all use uvloop and
httptools.
"""

import asyncio
import sys
from typing import Any

import uvloop

BODY = b'{"predictions":[[1.0,2.0,3.0]]}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def ours(port: int) -> None:
    from inference.connection import Connection, Connections
    from inference.http import Answer, Peer, Request

    async def answer(request: Request, peer: Peer) -> None:  # noqa: ARG001
        peer.write(Answer(BODY), None, False)

    connections = Connections(answer, 10**6)
    sweeping = asyncio.create_task(connections.sweeping())
    server = await asyncio.get_running_loop().create_server(lambda: Connection(connections), "127.0.0.1", port)
    await asyncio.gather(server.serve_forever(), sweeping)


async def asgi(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def fastapi() -> Any:
    from fastapi import FastAPI, Request, Response

    app = FastAPI()

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        await request.body()
        return Response(BODY, media_type="application/json")

    @app.get("/ping")
    async def ping() -> Response:
        return Response(b"{}", media_type="application/json")

    return app


async def on_uvicorn(app: Any, port: int) -> None:
    import uvicorn

    config = uvicorn.Config(app, port=port, http="httptools", lifespan="off", access_log=False, log_level="error")
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    name, number = sys.argv[1], int(sys.argv[2])
    uvloop.run(ours(number) if name == "ours" else on_uvicorn(asgi if name == "uvicorn" else fastapi(), number))
