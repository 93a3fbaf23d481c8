"""The examples that come with botocore, for every operation that is answered and has any: requests are understood, answers said."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from emulator import operations
from emulator.protocol.decode import decode_rest
from emulator.protocol.encode import encode_rest
from emulator.protocol.incoming import Incoming
from emulator.protocol.models import service_model
from emulator.protocol.routes import find_operation
from emulator.protocol.validate import check

INVALID = ("UpdateEventSourceMapping-0",)
"""Examples that the service's own model refuses."""


def _examples() -> list[Any]:
    operations.load()
    loader, found = botocore.session.Session().get_component("data_loader"), []
    for service in sorted({service for service, _ in operations.registered()}):
        if service not in loader.list_available_services("examples-1"):
            continue
        examples = loader.load_service_model(service, "examples-1")["examples"]
        for name in sorted(name for known, name in operations.registered() if known == service and name in examples):
            found += [pytest.param(service, name, example, id=f"{name}-{number}") for number, example in enumerate(examples[name])]
    return [one for one in found if one.id not in INVALID]


EXAMPLES = _examples()


def test_there_are_examples():
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize(("service", "name", "example"), EXAMPLES)
def test_a_documented_request_is_understood(service, name, example):
    model = service_model(service)
    operation = model.operation_model(name)
    sent = create_serializer(model.protocol).serialize_to_request(example["input"], operation)
    path, _, query = sent["url_path"].partition("?")
    body = sent["body"] if isinstance(sent["body"], bytes) else sent["body"].encode()
    pairs = dict(part.partition("=")[::2] for part in query.split("&") if part) | dict(sent["query_string"] or {})
    headers = {key.lower(): str(value) for key, value in sent["headers"].items()}
    incoming = Incoming(
        sent["method"],
        path,
        {key: [str(one) for one in (value if isinstance(value, list) else [value])] for key, value in pairs.items()},
        headers,
        body,
    )
    found, labels = find_operation(model, incoming)
    request = decode_rest(found, labels, incoming)
    assert found.name == name
    check(request, operation.input_shape)
    assert {key: _plain(value) for key, value in request.items()} == {key: _plain(value) for key, value in example["input"].items()}


@pytest.mark.parametrize(("service", "name", "example"), EXAMPLES)
def test_a_documented_answer_can_be_said(service, name, example):
    operation = service_model(service).operation_model(name)
    said = encode_rest(operation, _without_times(example.get("output") or {}))
    response = {"status_code": said.status, "headers": {key.lower(): value for key, value in said.headers.items()}, "body": said.body}
    parsed = create_parser(service_model(service).protocol).parse(response, operation.output_shape)
    parsed.pop("ResponseMetadata")
    for key, value in _without_times(example.get("output") or {}).items():
        assert key in parsed, key
        assert _plain(getattr(parsed[key], "read", lambda one=parsed[key]: one)()) == _plain(value)


def _without_times(value: Any) -> Any:
    """Examples write times in several ways, not all of which are a time's own."""
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key != "LastModified"}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """Text for bytes, so that the two can be compared."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value
