"""The OpenAPI document: every reference resolves, every route is there, the schema is that of the decoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from inference.app import App
from inference.contract import Input, Parameters
from inference.openapi import document
from inference.settings import Settings
from inference.state import State


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_reference_resolves() -> None:
    made = document("v1")
    for reference in references(made):
        assert reference.removeprefix("#/components/schemas/") in made["components"]["schemas"]
    assert json.loads(json.dumps(made)) == made


def test_every_route_is_described(tmp_path: Any) -> None:
    app = App(State(Settings(tmp_path)))
    assert set(document("v1")["paths"]) | {"/openapi.json"} == set(app._routes)


def test_the_schema_has_the_fields_of_the_structs() -> None:
    schemas = document("v1")["components"]["schemas"]
    for struct in (Input, Parameters):
        assert set(schemas[struct.__name__]["properties"]) == {field.name for field in msgspec.structs.fields(struct)}
