"""Which operation of a REST service a method and path mean."""

import functools
import re
from urllib.parse import parse_qs, unquote

from botocore.model import OperationModel, ServiceModel

from emulator.errors import ApiError
from emulator.protocol.incoming import Incoming
from emulator.protocol.models import service_model


def find_operation(model: ServiceModel, incoming: Incoming) -> tuple[OperationModel, dict[str, str]]:
    """The operation, and the values of its path's labels, decoded.

    Raises
    ------
    ApiError
        `UnknownOperationException` when no operation has this method and path.
    """
    for verb, pattern, labels, fixed, name in _routes(model.service_name):
        match = pattern.fullmatch(incoming.path.rstrip("/") or "/") if verb == incoming.method else None
        if match and all(incoming.query.get(key) == values for key, values in fixed.items()):
            return model.operation_model(name), dict(zip(labels, map(unquote, match.groups()), strict=True))
    raise ApiError("UnknownOperationException", f"{model.service_name} has no operation at {incoming.method} {incoming.path}", 404)


@functools.cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], list[str], dict[str, list[str]], str]]:
    """(method, path pattern, its labels, fixed query, operation), the most particular first."""
    model, routes = service_model(service), []
    for name in model.operation_names:
        http = model.operation_model(name).http
        uri, _, fixed = http["requestUri"].partition("?")
        labels = re.findall(r"\{([^}+]+)\+?\}", uri)
        routes.append((http["method"], _pattern(uri.rstrip("/") or "/"), labels, parse_qs(fixed, keep_blank_values=True), name))
    return sorted(routes, key=lambda route: (len(route[2]), -len(route[3]), -len(route[1].pattern)))


def _pattern(uri: str) -> re.Pattern[str]:
    """`/a/{B}/{C+}` as a pattern with one group per label; a label with `+` may span slashes."""
    pieces = re.split(r"(\{[^}]+\})", uri)
    groups = (("(.+)" if piece.endswith("+}") else "([^/]+)") if piece.startswith("{") else re.escape(piece) for piece in pieces)
    return re.compile("".join(groups))
