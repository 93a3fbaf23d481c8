"""The one contract of `/invocations`, batch transform, the Lambda and `/v1/forecast`: what a request and a prediction hold.

A superset of the forecasting schema of JumpStart's Chronos-2 endpoint, so its clients work unchanged. Two differences: an input without
`target` is a region that the model knows, and a prediction also has `drawdown_probability` and `model_version`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from housing.panel import Floats
from inference.errors import RequestError

MAX_ITEMS = 1000
MAX_TARGET_LENGTH = 10_000
MAX_CONTEXT = 1200
"""Only the newest prices are used: a hundred years of months."""

MIN_OBSERVATIONS = 5
MAX_NAME_CHARACTERS = 256
MAX_COVARIATES = 100
MAX_LEVELS = 99
DEFAULT_LEVELS: tuple[float, ...] = (0.1, 0.5, 0.9)

Observation = float | None


class Input(msgspec.Struct, frozen=True):
    """One series, or the name of a region that the model knows.

    `target` holds prices, oldest first, null where not observed. A list of lists (several targets) is read so that it can be refused
    in words. Covariate values may be strings, as in the original schema; strings are not used by this model.
    """

    item_id: str | None = None
    target: list[Observation | list[Observation]] | None = None
    start: str | None = None
    past_covariates: dict[str, list[Observation | str]] = {}
    future_covariates: dict[str, list[Observation | str]] = {}


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a request.

    `members` asks for some of the online members instead of all, `explain` for the reasons of the price and of the drawdown.
    `batch_size`, `cross_learning` and `predict_batches_jointly` are read for compatibility and change nothing.
    """

    prediction_length: int | None = None
    quantile_levels: list[float] | None = None
    freq: str | None = None
    drawdown_threshold: float | None = None
    members: list[str] | None = None
    explain: bool = False
    batch_size: int | None = None
    cross_learning: bool | None = None
    predict_batches_jointly: bool | None = None


class Row(msgspec.Struct, frozen=True):
    """A series that came as numbers already (npy): prices float64 (T,), NaN where not observed."""

    price: Floats


class Request(msgspec.Struct, frozen=True):
    """A whole request; `id` comes back in the response as it was sent."""

    inputs: list[Input]
    parameters: Parameters = Parameters()
    id: str | int | None = None


class Asked(Protocol):
    """What a decoded body asks for, whatever its media type: a Request, or Records."""

    @property
    def inputs(self) -> Sequence[Input | Row]: ...

    @property
    def parameters(self) -> Parameters: ...

    @property
    def id(self) -> str | int | None: ...


@dataclass(frozen=True)
class Records:
    """Some records of a body that has one series per record (CSV, npy); `first` is the number of the first of them."""

    inputs: Sequence[Input | Row]
    parameters: Parameters
    first: int = 0
    id: None = None


_request = msgspec.json.Decoder(Request)
_parameters = msgspec.json.Decoder(Parameters)
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def decode_request(body: bytes) -> Request:
    """Read a JSON request; RequestError 400 names the field that does not fit."""
    try:
        request = _request.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _decode_error(error) from error
    _check_sizes(request)
    return request


def decode_parameters(text: bytes, field: str) -> Parameters:
    """Read parameters that travel apart from the series (CSV and npy bodies)."""
    try:
        return _parameters.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fault = _decode_error(error)
        raise RequestError(fault.code, f"{field}.{fault.field}".rstrip("."), fault.message) from error


def level_name(level: float) -> str:
    """The key of a quantile level in a prediction: `0.1`."""
    return f"{level:.6g}"


def _decode_error(error: Exception) -> RequestError:
    if isinstance(error, RecursionError):
        return RequestError("malformed_json", "", "nested too deeply; send the documented fields only")
    if not isinstance(error, msgspec.ValidationError):
        return RequestError("malformed_json", "", f"not valid JSON: {error}")
    text = str(error)
    found = _PATH.search(text)
    return RequestError("invalid_value", found["path"] if found else "", _PATH.sub("", text))


def _check_sizes(request: Request) -> None:
    if not request.inputs:
        raise RequestError("invalid_value", "inputs", "empty; give at least one series or region")
    if len(request.inputs) > MAX_ITEMS:
        raise RequestError("too_many_items", "inputs", f"{len(request.inputs)} series; at most {MAX_ITEMS} in one request")
    seen: set[str] = set()
    for index, item in enumerate(request.inputs):
        if item.item_id is None:
            continue
        if not 0 < len(item.item_id) <= MAX_NAME_CHARACTERS:
            raise RequestError("invalid_value", f"inputs[{index}].item_id", f"must have 1 to {MAX_NAME_CHARACTERS} characters")
        if item.item_id in seen:
            raise RequestError("invalid_value", f"inputs[{index}].item_id", "occurs twice; item_id must be unique in a request")
        seen.add(item.item_id)
