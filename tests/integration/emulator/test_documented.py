"""Exchanges in the form that the service documents, byte for byte over HTTP: no client library smooths anything over."""

from __future__ import annotations

import http.client
import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

EXCHANGES = yaml.safe_load((Path(__file__).parent / "documented" / "exchanges.yaml").read_text())
SIGNATURE = "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
JSON = "application/x-amz-json-1.1"


class Wire:
    """Sends exchanges to an emulator, and keeps what a later one asks for."""

    def __init__(self, url: str) -> None:
        self._host, self._kept = urlsplit(url).netloc, ""

    def send(self, exchange: dict[str, Any]) -> tuple[int, http.client.HTTPMessage, bytes]:
        request = {name: self._kept if value == "<kept>" else value for name, value in exchange["request"].items()}
        named = {"X-Amz-Target": exchange["target"], "Content-Type": JSON} if "target" in exchange else {}
        connection = http.client.HTTPConnection(self._host, timeout=30)
        connection.request(
            "POST", exchange.get("path", "/"), json.dumps(request), {"Authorization": SIGNATURE, **named, **exchange.get("headers", {})}
        )
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if "keep" in exchange:
            self._kept = json.loads(body)[exchange["keep"]]
        return response.status, response.headers, body

    def settled(self, exchange: dict[str, Any]) -> tuple[int, http.client.HTTPMessage, bytes]:
        """As `send`, again and again until the answer has the fields that the exchange waits for."""
        end = time.monotonic() + 30
        while True:
            status, headers, body = self.send(exchange)
            if all(json.loads(body).get(name) == value for name, value in exchange.get("until", {}).items()):
                return status, headers, body
            assert time.monotonic() < end, body
            time.sleep(0.05)


@pytest.fixture(scope="module")
def wire(emulator: Any) -> Wire:
    return Wire(emulator.url)


@pytest.mark.parametrize(
    "exchange", EXCHANGES, ids=[f"{number}-{one.get('target', 'InvokeEndpoint')}" for number, one in enumerate(EXCHANGES)]
)
def test_an_answer_has_the_documented_form(wire, exchange):
    status, headers, body = wire.settled(exchange)
    assert status == exchange.get("status", 200), body
    if "target" in exchange:
        assert headers["Content-Type"] == JSON
        assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-RequestId"])
    for name, value in exchange.get("answer_headers", {}).items():
        assert headers[name] == value
    if "answer" in exchange:
        problems = list(_differences(exchange["answer"], json.loads(body), "answer"))
        assert not problems, problems


def _differences(wanted: Any, got: Any, path: str):
    """Where an answer is not of the documented form."""
    if isinstance(wanted, dict):
        if not isinstance(got, dict):
            yield f"{path}: {got!r} is no object"
            return
        for name, value in wanted.items():
            if name in got:
                yield from _differences(value, got[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is missing"
    elif isinstance(wanted, list):
        if not isinstance(got, list) or len(got) != len(wanted):
            yield f"{path}: {got!r} is no list of {len(wanted)}"
            return
        for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif not _fits(wanted, got):
        yield f"{path}: {got!r}, not {wanted!r}"


def _fits(wanted: Any, got: Any) -> bool:
    if wanted == "<number>":
        return isinstance(got, int | float) and not isinstance(got, bool)
    if wanted == "<text>":
        return isinstance(got, str) and got != ""
    if isinstance(wanted, str) and wanted.startswith("<arn "):
        return bool(got == f"arn:aws:sagemaker:eu-west-1:123456789012:{wanted[5:-1]}")
    return bool(wanted == got)
