"""What a warm predict function, and the direct client, spend on a request of their own."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3

from benchmarks.record import Recorder
from pipelines.direct import Endpoint
from pipelines.precomputed import address
from pipelines.signed import Connection, Reply

LIMIT_MS = 3.0
ANSWER = json.dumps({"predictions": [{"mean": [123456.0] * 12, **{f"0.{n}": [123456.0] * 12 for n in range(1, 10)}}]}).encode()
_STUB = """
import asyncio, sys
ANSWER = sys.stdin.buffer.read()
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(ANSWER)
class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.seen = transport, b""
    def data_received(self, data):
        self.seen += data
        head, separator, rest = self.seen.partition(b"\\r\\n\\r\\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length")), 0)
        if separator and len(rest) >= length:
            self.seen = b""
            self.transport.write(HEAD + ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@contextlib.contextmanager
def answering() -> Iterator[str]:
    """The address of a server, in another process, that gives every request the same answer."""
    process = subprocess.Popen([sys.executable, "-c", _STUB], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(ANSWER)
    process.stdin.close()
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def cpu_ms(call: Callable[[], object], count: int) -> float:
    """CPU ms of a call, the first ones left out."""
    for _ in range(20):
        call()
    before = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - before) / count * 1000


def event(request: Mapping[str, Any]) -> dict[str, Any]:
    """An HTTP API event of a request."""
    headers = {"content-type": "application/json", "host": "x", "user-agent": "curl", "x-forwarded-for": "127.0.0.1"}
    return {"version": "2.0", "requestContext": {"requestId": "r1"}, "headers": headers, "body": json.dumps(request)}


def stored() -> dict[str, bytes]:
    """A table of one region, as objects by path."""
    folder = "s3://bucket/housing/precomputed/x/"
    published = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    pointer = {"prefix": folder, "regions": 1, "model_version": "v", "published": published, "months_per_period": 1}
    prediction = {"item_id": "Austin", "start": "2015-08-01", **json.loads(ANSWER)["predictions"][0]}
    prediction |= {"drawdown_probability": 0.04, "model_version": "v"}
    place = address(folder, "Austin").removeprefix("s3:/").replace("%", "%25")
    return {"/bucket/housing/precomputed/current.json": json.dumps(pointer).encode(), place: json.dumps(prediction).encode()}


def routes(recorder: Recorder, count: int) -> None:
    """CPU of the handler for each route, with answers that come at once; its log goes to memory."""
    names = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    names |= {"HOUSING_BUCKET": "bucket", "HOUSING_ENDPOINT_NAME": "gpu", "HOUSING_CPU_ENDPOINT_NAME": "cpu"}
    os.environ.update(names)
    objects, sent, spent = stored(), Connection.send, {}

    def at_once(_: Connection, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:  # noqa: ARG001
        return Reply(200, {"content-type": "application/json"}, objects[path] if method == "GET" else ANSWER)

    with contextlib.redirect_stdout(io.StringIO()) as log:
        handler = importlib.import_module("lambdas.predict.handler")
        asked = {
            "precomputed": {"inputs": [{"item_id": "Austin"}]},
            "cpu": {"inputs": [{"target": [100_000.0 + step for step in range(120)]}]},
            "gpu": {"inputs": [{"target": [100_000.0 + step for step in range(120)]}], "parameters": {"explain": True}},
        }
        try:
            Connection.send = at_once  # type: ignore[method-assign]
            for route, request in asked.items():
                one = event(request)
                response = handler.handler(one, None)
                assert (response["statusCode"], response["headers"]["x-housing-route"]) == (200, route), response
                spent[route] = cpu_ms(lambda one=one: handler.handler(one, None), count)
                log.truncate(0)
        finally:
            Connection.send = sent  # type: ignore[method-assign]
    note = "reading, routing, signing, log line, metrics; the answer comes at once"
    for route, milliseconds in spent.items():
        recorder.add(f"lambda.predict.warm.{route}", milliseconds, LIMIT_MS, "CPU ms of a warm request; rival the limit", note)


def direct(recorder: Recorder, count: int) -> None:
    """The direct client beside boto3's client, in turns, against the same server."""
    with answering() as url:
        os.environ["AWS_ENDPOINT_URL"] = url
        try:
            ours, theirs = Endpoint("housing-forecast", "us-east-1"), boto3.client("sagemaker-runtime", region_name="us-east-1")
            body = json.dumps({"inputs": [{"item_id": "Austin"}]}).encode()

            def boto() -> bytes:
                reply = theirs.invoke_endpoint(EndpointName="housing-forecast", Body=body, ContentType="application/json")
                answer: bytes = reply["Body"].read()
                return answer

            assert ours.invoke(body).body == boto() == ANSWER
            seen: dict[str, list[float]] = {"ours": [], "boto3": []}
            for _ in range(5):
                seen["ours"].append(cpu_ms(lambda: ours.invoke(body), count // 5))
                seen["boto3"].append(cpu_ms(boto, count // 5))
        finally:
            del os.environ["AWS_ENDPOINT_URL"]
    medians = {side: statistics.median(values) for side, values in seen.items()}
    note = "kept connection, plain HTTP on loopback, median of 5 in turns"
    recorder.add("direct.call", medians["ours"], medians["boto3"], "CPU ms of InvokeEndpoint; rival boto3's client", note)
