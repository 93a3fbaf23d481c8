"""Data capture: requests and answers of an endpoint as JSON Lines in S3, in the service's own layout."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulator.context import Context
from emulator.s3 import ObjectError, Objects, join

FLUSH_SECONDS = 1.0
_CSV, _JSON = frozenset({"text/csv"}), frozenset({"application/json"})
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaptureSettings:
    """What a DataCaptureConfig asks for."""

    destination: str
    percentage: float
    modes: frozenset[str]
    csv_types: frozenset[str] = _CSV
    json_types: frozenset[str] = _JSON

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> CaptureSettings | None:
        """The settings in an endpoint configuration; None when it captures nothing."""
        if not config or not config.get("EnableCapture"):
            return None
        types = config.get("CaptureContentTypeHeader", {})
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        if "InputAndOutput" in modes:
            modes |= {"Input", "Output"}
        return cls(
            destination=config["DestinationS3Uri"],
            percentage=config["InitialSamplingPercentage"],
            modes=frozenset(modes),
            csv_types=_CSV | set(types.get("CsvContentTypes", [])),
            json_types=_JSON | set(types.get("JsonContentTypes", [])),
        )

    def document(self, mode: str, content_type: str, body: bytes) -> dict[str, Any]:
        """One side of an invocation: text where its type says so, base64 otherwise."""
        plain = content_type.split(";", maxsplit=1)[0].strip().lower()
        encoding = "CSV" if plain in self.csv_types else "JSON" if plain in self.json_types else "BASE64"
        data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode(errors="replace")
        return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


@dataclass(frozen=True)
class Exchange:
    """One invocation with its answer."""

    endpoint: str
    variant: str
    request: tuple[str, bytes]
    answer: tuple[str, bytes]
    inference_id: str | None = None
    custom_attributes: str | None = None


@dataclass
class _Page:
    """Lines on their way to one object."""

    settings: CaptureSettings
    lines: list[str] = field(default_factory=list)


class Capture:
    """Captures the exchanges of one emulator. For the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pages: dict[tuple[str, str], _Page] = {}
        self._earned: dict[str, float] = {}

    def add(self, settings: CaptureSettings, exchange: Exchange) -> None:
        """Keep an exchange, or skip it: of a hundred, as many as the percentage says."""
        earned = self._earned.get(exchange.endpoint, 0.0) + settings.percentage
        self._earned[exchange.endpoint] = earned - 100 if earned >= 100 else earned
        if earned < 100:
            return
        if not self._pages:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)
        page = self._pages.setdefault((exchange.endpoint, exchange.variant), _Page(settings))
        page.lines.append(_line(settings, exchange))

    def _flush(self) -> None:
        pages, self._pages = self._pages, {}
        asyncio.get_running_loop().run_in_executor(None, self._write, pages)

    def _write(self, pages: dict[tuple[str, str], _Page]) -> None:
        now = datetime.now(UTC)
        for (endpoint, variant), page in pages.items():
            name = f"{now:%M-%S}-{now.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            uri = join(page.settings.destination, endpoint, variant, f"{now:%Y/%m/%d/%H}", name)
            try:
                self._context.part(Objects).put(uri, "".join(page.lines).encode())
            except ObjectError as error:
                _LOG.warning("data capture of endpoint %s: %s", endpoint, error)


def _line(settings: CaptureSettings, exchange: Exchange) -> str:
    data: dict[str, Any] = {}
    if "Input" in settings.modes:
        data["endpointInput"] = settings.document("INPUT", *exchange.request)
    if "Output" in settings.modes:
        data["endpointOutput"] = settings.document("OUTPUT", *exchange.answer)
    metadata: dict[str, Any] = {"eventId": str(uuid.uuid4())}
    if exchange.custom_attributes is not None:
        metadata["customAttributes"] = [exchange.custom_attributes]
    if exchange.inference_id is not None:
        metadata["inferenceId"] = exchange.inference_id
    metadata["inferenceTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}) + "\n"
