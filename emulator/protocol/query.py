"""The query protocol: a form in, XML out, by the shapes of the operation."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as Xml

from botocore.model import OperationModel, ServiceModel

from emulator.errors import ApiError
from emulator.protocol.encode import Response
from emulator.protocol.incoming import Incoming
from emulator.protocol.models import Shape

_TYPE = "text/xml"


def decode_query(model: ServiceModel, incoming: Incoming) -> tuple[OperationModel, dict[str, Any]]:
    """The operation that a form names, and its members.

    Raises
    ------
    ApiError
        `InvalidAction` for an operation that the service doesn't have, `MalformedInput` for a value of the wrong type.
    """
    form = dict(parse_qsl(incoming.body.decode(), keep_blank_values=True))
    form |= {name: values[0] for name, values in incoming.query.items()}
    name = form.get("Action", "")
    if name not in model.operation_names:
        raise ApiError("InvalidAction", f"Could not find operation {name} for version {form.get('Version', '')}")
    operation = model.operation_model(name)
    return operation, {} if operation.input_shape is None else _structure(form, operation.input_shape, "")


def _structure(form: dict[str, str], shape: Shape, prefix: str) -> dict[str, Any]:
    found = {}
    for key, member in shape.members.items():
        path = f"{prefix}{member.serialization.get('name', key)}"
        if any(name == path or name.startswith(f"{path}.") for name in form):
            found[key] = _value(form, member, path)
    return found


def _value(form: dict[str, str], shape: Shape, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(form, shape, f"{path}.")
    if kind == "list":
        return [
            _value(form, shape.member, place) for place in _numbered(form, f"{path}.{shape.member.serialization.get('name', 'member')}")
        ]
    if kind == "map":
        return {form[f"{place}.key"]: _value(form, shape.value, f"{place}.value") for place in _numbered(form, f"{path}.entry")}
    text = form[path]
    if kind == "boolean":
        return text.lower() == "true"
    if kind == "blob":
        return base64.b64decode(text)
    try:
        return int(text) if kind in ("integer", "long") else float(text) if kind in ("float", "double") else text
    except ValueError:
        raise ApiError("MalformedInput", f"{path}: {text!r} is not a {kind}") from None


def _numbered(form: dict[str, str], path: str) -> list[str]:
    """`path.1`, `path.2`, ... as far as the form has them."""
    places: list[str] = []
    while any(name == (place := f"{path}.{len(places) + 1}") or name.startswith(f"{place}.") for name in form):
        places.append(f"{path}.{len(places) + 1}")
    return places


def encode_query(operation: OperationModel, result: dict[str, Any], request_id: str) -> Response:
    """A response in XML."""
    namespace = operation.service_model.metadata.get("xmlNamespace", "")
    root = Xml.Element(f"{operation.name}Response", {"xmlns": namespace})
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper")
        _fill(root if wrapper is None else Xml.SubElement(root, wrapper), result, shape)
    Xml.SubElement(Xml.SubElement(root, "ResponseMetadata"), "RequestId").text = request_id
    return Response(200, {"Content-Type": _TYPE}, Xml.tostring(root))


def encode_query_error(error: ApiError, request_id: str) -> Response:
    """An error in XML."""
    root = Xml.Element("ErrorResponse")
    inner = Xml.SubElement(root, "Error")
    for name, text in (("Type", "Sender" if error.status < 500 else "Receiver"), ("Code", error.code), ("Message", error.message)):
        Xml.SubElement(inner, name).text = text
    Xml.SubElement(root, "RequestId").text = request_id
    return Response(error.status, {"Content-Type": _TYPE}, Xml.tostring(root))


def _fill(element: Xml.Element, value: Any, shape: Shape) -> None:
    kind = shape.type_name
    if kind == "structure":
        for key, member in shape.members.items():
            if value.get(key) is not None:
                _fill(Xml.SubElement(element, member.serialization.get("name", key)), value[key], member)
    elif kind == "list":
        for item in value:
            _fill(Xml.SubElement(element, shape.member.serialization.get("name", "member")), item, shape.member)
    elif kind == "map":
        for key, item in value.items():
            entry = Xml.SubElement(element, "entry")
            Xml.SubElement(entry, "key").text = key
            _fill(Xml.SubElement(entry, "value"), item, shape.value)
    elif kind == "boolean":
        element.text = "true" if value else "false"
    elif kind == "timestamp":
        element.text = datetime.fromtimestamp(float(value), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    else:
        element.text = str(value)
