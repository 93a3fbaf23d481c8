"""OpenTelemetry spans of finished requests."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from housing.errors import SettingsError
from inference.spans import Spans, exporting_spans, parent_of
from inference.telemetry import Telemetry

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
XRAY = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN};Sampled=".encode()


def recorded(exporter: InMemorySpanExporter) -> Telemetry:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Telemetry(Spans(provider))


@pytest.mark.parametrize("headers", [{b"traceparent": f"00-{TRACE}-{SPAN}-01".encode()}, {b"x-amzn-trace-id": XRAY + b"1"}])
def test_a_forecast_is_a_child_of_the_callers_span(headers: dict[bytes, bytes]) -> None:
    exporter = InMemorySpanExporter()
    telemetry = recorded(exporter)
    seconds = telemetry.finished("/invocations", 503, telemetry.started(), "overloaded", headers)
    (span,) = exporter.get_finished_spans()
    assert span.context is not None and span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == SPAN
    assert span.attributes is not None
    assert (span.attributes["http.response.status_code"], span.attributes["error.type"]) == (503, "overloaded")
    assert span.start_time is not None and span.end_time is not None
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(seconds, abs=1e-5)


def test_probes_are_not_traced() -> None:
    exporter = InMemorySpanExporter()
    telemetry = recorded(exporter)
    telemetry.finished("/ping", 200, telemetry.started(), headers={})
    assert not exporter.get_finished_spans()


def test_a_caller_who_does_not_sample_is_heard() -> None:
    assert parent_of({b"x-amzn-trace-id": XRAY + b"0"})["traceparent"].endswith("-00")
    assert parent_of({b"x-amzn-trace-id": b"Self=1"}) == {}


def test_traces_without_their_packages_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match=r"HOUSING_TRACES: .* install the extra \[traces\]"):
        exporting_spans()
