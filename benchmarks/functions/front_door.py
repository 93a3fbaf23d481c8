"""A known region through the emulator's HTTP API and a Lambda worker, as a caller on this computer sees it."""

from __future__ import annotations

import http.client
import io
import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from benchmarks.functions.warm import stored
from benchmarks.record import Recorder
from emulator import lifecycle
from pipelines import packaging

OBJECTIVE_MS = 100.0
REGION = "us-east-1"
BARE = "def handler(event, context):\n    return {'statusCode': 200, 'body': '{}'}\n"


def known_region(recorder: Recorder, folder: Path, count: int) -> None:
    """Latencies of one caller; beside them a function that does nothing, and how late this machine wakes a sleeper."""
    home = folder / "emulator"
    running = lifecycle.up(home, port=0, region=REGION)
    try:
        os.environ.update(lifecycle.env(home))
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bucket")
        for place, content in stored().items():
            s3.put_object(Bucket="bucket", Key=place.removeprefix("/bucket/").replace("%25", "%"), Body=content)
        paths = {"ours": _route(packaging.package("predict"), "lambdas.predict.handler.handler"), "bare": _route(_bare(), "app.handler")}
        seen = {side: _asked(running.url, path, count if side == "ours" else count // 4) for side, path in paths.items()}
    finally:
        lifecycle.down(home)
    late = _lateness()
    for share in (50, 99):
        noise = (
            f"a function that does nothing {_quantile(seen['bare'], share):.1f} ms; a sleeper wakes {_quantile(late, share):.1f} ms late"
        )
        noise += f", load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        name = f"lambda.known_region.p{share}"
        recorder.add(name, _quantile(seen["ours"], share), OBJECTIVE_MS, "ms of wall time, HTTP API and Lambda; rival the objective", noise)


def _route(code: bytes, handler: str) -> str:
    """A function behind an HTTP API; returns the path of its route."""
    name = handler.replace(".", "-")
    function = boto3.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::123456789012:role/housing-lambda",
        Handler=handler,
        Code={"ZipFile": code},
        Timeout=29,
        MemorySize=512,
        Environment={"Variables": {"HOUSING_BUCKET": "bucket", "HOUSING_CPU_ENDPOINT_NAME": ""}},
    )["FunctionArn"]
    gateway = boto3.client("apigatewayv2")
    api = gateway.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0")
    gateway.create_route(ApiId=api, RouteKey="POST /v1/forecast", Target=f"integrations/{integration['IntegrationId']}")
    return f"/_aws/execute-api/{api}/$default/v1/forecast"


def _bare() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", BARE)
    return content.getvalue()


def _asked(url: str, path: str, count: int) -> list[float]:
    """Milliseconds of each of `count` requests over one connection, one after the other; the cold one and a few more are left out."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    body = json.dumps({"inputs": [{"item_id": "Austin"}]})
    seen = []
    for number in range(count + 20):
        started = time.perf_counter()
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer: Any = connection.getresponse()
        content = answer.read()
        if number >= 20:
            seen.append((time.perf_counter() - started) * 1000)
        assert answer.status == 200, content
        assert answer.getheader("x-housing-route") in ("precomputed", None), content
    connection.close()
    return seen


def _lateness() -> list[float]:
    late = []
    for _ in range(500):
        started = time.perf_counter()
        time.sleep(0.002)
        late.append((time.perf_counter() - started) * 1000 - 2)
    return late


def _quantile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]
