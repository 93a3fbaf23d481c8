"""The routing table: which request goes where, in which order, and for how long it may take.

A request goes to the first row that takes it. Where that target fails, throttles, or does not answer in time, the rows below are tried;
rows marked `only_after_failure` are for that alone. `HOUSING_ROUTES` replaces the table by another, a JSON list of objects with the
fields of `Row`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from lambdas.predict.shape import Shape

RouteName = Literal["precomputed", "cpu", "gpu", "eks"]

MAX_BYTES = 6 * 1024 * 1024
"""The limit of InvokeEndpoint, and of a Lambda event."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    route : where the request goes.
    max_series, max_bytes : the largest request that this row takes.
    seconds : how long the target may take.
    foundation, explain : whether requests that ask for a foundation member, or for an explanation, are taken.
    only_after_failure : whether the row is for requests that another target has failed.
    """

    route: RouteName
    max_series: int = 5000
    max_bytes: int = MAX_BYTES
    seconds: float = 20.0
    foundation: bool = True
    explain: bool = True
    only_after_failure: bool = False

    def takes(self, shape: Shape) -> bool:
        """Is the request within the limits of this row?"""
        if self.route == "precomputed" and shape.stored is None:
            return False
        return self.fits(shape) and (self.foundation or not shape.foundation) and (self.explain or not shape.explain)

    def fits(self, shape: Shape) -> bool:
        """Is it small enough?"""
        return shape.series <= self.max_series and shape.size <= self.max_bytes


PRECOMPUTED = Row("precomputed", max_series=100, max_bytes=65_536, seconds=2.0)
SAGEMAKER: tuple[Row, ...] = (
    PRECOMPUTED,
    Row("cpu", max_series=16, max_bytes=65_536, seconds=8.0, foundation=False, explain=False),
    Row("gpu", seconds=20.0),
    Row("cpu", max_series=500, max_bytes=2**20, seconds=12.0, foundation=False, only_after_failure=True),
)
"""The table without a setting, backend `sagemaker`. The last row: a CPU is slow for what goes there, but an answer."""

EKS: tuple[Row, ...] = (PRECOMPUTED, Row("eks", seconds=20.0))
"""The table without a setting, backend `eks`."""

_TYPES: Mapping[str, Any] = {
    "route": (str,),
    "max_series": (int,),
    "max_bytes": (int,),
    "seconds": (int, float),
    "foundation": (bool,),
    "explain": (bool,),
    "only_after_failure": (bool,),
}


_LARGEST: Mapping[str, int] = {"max_series": 1_000_000, "max_bytes": MAX_BYTES, "seconds": 60}


def read_table(text: str, backend: str) -> tuple[Row, ...]:
    """The table in `HOUSING_ROUTES`, or where that is empty the backend's own.

    Errors: ValueError that names the row, the field and the remedy.
    """
    if backend not in ("sagemaker", "eks"):
        raise ValueError(f"HOUSING_BACKEND: {backend!r}: write sagemaker or eks")
    if not text:
        return EKS if backend == "eks" else SAGEMAKER
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise ValueError(f"HOUSING_ROUTES: not JSON: {error}") from error
    if not isinstance(rows, list) or not rows:
        raise ValueError("HOUSING_ROUTES: write a list of rows, at least one")
    return tuple(_row(row, f"HOUSING_ROUTES[{number}]") for number, row in enumerate(rows))


def _row(row: Any, where: str) -> Row:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: is no object; write for example {{'route': 'gpu'}}")
    value: Any
    for name, value in row.items():
        expected = _TYPES.get(name)
        if expected is None:
            raise ValueError(f"{where}.{name}: unknown; there are {', '.join(field.name for field in fields(Row))}")
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            raise ValueError(f"{where}.{name}: {value!r} is not of type {expected[-1].__name__}")
        if name in _LARGEST and not 0 < value <= _LARGEST[name]:
            raise ValueError(f"{where}.{name}: {value!r} is out of range")
    if row.get("route") not in get_args(RouteName):
        raise ValueError(f"{where}.route: {row.get('route')!r}: write one of {', '.join(get_args(RouteName))}")
    return Row(**row)
