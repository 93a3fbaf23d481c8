"""A stored prediction as the model itself would answer the request: the same keys in the same order, the same digits.

The server writes JSON with msgspec, whose numbers differ from Python's in their exponents: 1e-7 and not 1e-07, 0.00001 and not 1e-05.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.predict.shape import Stored

MONTHS_AHEAD = 12
"""How far ahead the model answers when the request does not say."""


@dataclass(frozen=True)
class StoredPrediction:
    """One region of the table: its numbers as text, by level, at `length` periods."""

    item_id: str
    start: str
    length: int
    mean: Sequence[str]
    levels: Mapping[float, Sequence[str]]
    tail: str

    @classmethod
    def read(cls, content: bytes, region: str) -> StoredPrediction:
        """The prediction in an object of the table; ValueError when it is not one of this region."""
        found = json.loads(content)
        if not isinstance(found, dict) or found.get("item_id") != region or not isinstance(found.get("start"), str):
            raise ValueError(f"no prediction of {region!r}")
        levels = {float(name): _numbers(values) for name, values in found.items() if _is_level(name)}
        mean = _numbers(found.get("mean"))
        if not mean or any(len(values) != len(mean) for values in levels.values()):
            raise ValueError(f"the prediction of {region!r} has levels of different lengths")
        risk, version = _number(found.get("drawdown_probability")), found.get("model_version")
        if not isinstance(version, str):
            raise ValueError(f"the prediction of {region!r} has no model_version")
        return cls(region, found["start"], len(mean), mean, levels, f'"drawdown_probability":{risk},"model_version":{_text(version)}}}')

    def text(self, levels: Sequence[float], length: int) -> str:
        """The prediction as one JSON object, `length` periods ahead."""
        parts = [f'{{"item_id":{_text(self.item_id)},"start":{_text(self.start)},"mean":[{",".join(self.mean[:length])}]']
        parts += [f'"{level:.6g}":[{",".join(self.levels[level][:length])}]' for level in levels]
        return ",".join([*parts, self.tail])


def usual_length(length: int, months_per_period: int) -> int | None:
    """How many periods are answered when the request does not say, of `length` that are stored; None where that cannot be known."""
    if months_per_period:
        return min(length, MONTHS_AHEAD // months_per_period)
    return length if length <= MONTHS_AHEAD // 3 else None


def body(stored: Stored, predictions: Sequence[StoredPrediction], months_per_period: int) -> bytes | None:
    """The whole answer; None when the table holds less than what is asked for."""
    texts = []
    for prediction in predictions:
        length = stored.length if stored.length is not None else usual_length(prediction.length, months_per_period)
        if length is None or not 1 <= length <= prediction.length or not set(stored.levels) <= prediction.levels.keys():
            return None
        texts.append(prediction.text(stored.levels, length))
    if len(set(stored.levels)) != len(stored.levels):
        return None
    head = "{" if stored.id is None else f'{{"id":{_text(stored.id)},'
    return f'{head}"predictions":[{",".join(texts)}]}}'.encode()


def number(value: float) -> str:
    """A finite number as msgspec writes it."""
    text = repr(value)
    if "e" not in text:
        return text
    digits, _, exponent = text.partition("e")
    if exponent != "-05":
        return f"{digits}e{int(exponent)}"
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    return f"{sign}0.0000{digits.replace('.', '')}"


def _number(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool) or not isinstance(value, int | float) or value - value != 0:
        raise ValueError(f"{value!r} is no number")
    return number(float(value))


def _numbers(values: Any) -> list[str]:
    if not isinstance(values, list):
        raise ValueError("a level without a list of numbers")
    return [_number(value) for value in values]


def _text(value: str | int) -> str:
    return json.dumps(value, ensure_ascii=False)


def _is_level(name: str) -> bool:
    return name[:2] == "0." and name[2:].isdigit()
