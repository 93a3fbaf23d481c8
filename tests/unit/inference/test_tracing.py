"""Ids of a request: taken when they are plain, left out when they are not."""

from __future__ import annotations

import pytest

from inference.tracing import request_id, trace_ids


def test_the_callers_id_is_kept() -> None:
    assert request_id({b"x-request-id": b"abc-1", b"x-amzn-requestid": b"other"}) == "abc-1"
    assert request_id({b"x-amzn-requestid": b"r2"}) == "r2"
    assert request_id({}) is None


@pytest.mark.parametrize("value", [b"", b"two words", b"line\nbreak", b"\xff", b"x" * 129])
def test_an_id_that_could_break_a_header_or_a_log_is_not_taken(value: bytes) -> None:
    assert request_id({b"x-request-id": value}) is None


def test_w3c_and_xray_trace_ids_are_read() -> None:
    trace = b"0af7651916cd43dd8448eb211c80319c"
    headers = {
        b"traceparent": b"00-" + trace + b"-b7ad6b7169203331-01",
        b"x-amzn-trace-id": b"Self=1-67891234-12456789abcdef0123456789;Root=1-67891233-abcdef012345678912345678;Sampled=1",
    }
    assert trace_ids(headers) == {"trace_id": trace.decode(), "xray_trace_id": "1-67891233-abcdef012345678912345678"}
    assert trace_ids({b"traceparent": b"junk", b"x-amzn-trace-id": b"junk"}) == {}
