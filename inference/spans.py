"""OpenTelemetry: one server span per forecast request, a child of the caller's. Off unless HOUSING_TRACES is true.

Where the spans go is said by OpenTelemetry's own variables, such as OTEL_EXPORTER_OTLP_ENDPOINT.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from housing.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_XRAY_ROOT = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24})")
_XRAY_PARENT = re.compile(r"Parent=([0-9a-f]{16})")


class Spans:
    """Records finished requests; `provider` sends them on."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider, self._kind = provider, SpanKind.SERVER
        self._tracer = provider.get_tracer("housing.inference")
        self._extract = TraceContextTextMapPropagator().extract

    def record(self, headers: Mapping[bytes, bytes], route: str, status: int, seconds: float, code: str | None) -> None:
        """A request was answered just now, `seconds` after it came; `code` is that of its error."""
        end = time.time_ns()
        attributes: dict[str, str | int] = {"http.request.method": "POST", "http.route": route, "http.response.status_code": status}
        if code is not None:
            attributes["error.type"] = code
        started = end - int(seconds * 1e9)
        parent = self._extract(parent_of(headers))
        span = self._tracer.start_span(f"POST {route}", parent, kind=self._kind, attributes=attributes, start_time=started)
        span.end(end)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def parent_of(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """The caller's W3C headers, made from X-Amzn-Trace-Id where only that came; empty without either."""
    found = {name: headers[name.encode()].decode("latin-1") for name in ("traceparent", "tracestate") if name.encode() in headers}
    xray = headers.get(b"x-amzn-trace-id", b"").decode("latin-1")
    root, parent = _XRAY_ROOT.search(xray), _XRAY_PARENT.search(xray)
    if "traceparent" not in found and root and parent:
        found["traceparent"] = f"00-{root[1]}{root[2]}-{parent[1]}-{'00' if 'Sampled=0' in xray else '01'}"
    return found


def exporting_spans() -> Spans:
    """Spans that go to the OTLP endpoint of the environment; SettingsError without the packages of the extra [traces]."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(f"HOUSING_TRACES: {error.name} is not installed; install the extra [traces], or unset it") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "housing-forecast"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider)
