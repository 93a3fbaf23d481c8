"""Which hyperparameters a tuning job tries."""

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

Ranges = dict[str, list[dict[str, Any]]]


def candidates(strategy: str, ranges: Ranges, seed: int) -> Iterator[dict[str, str]]:
    """Sets of hyperparameters, all as text: every combination once for `Grid`, draws without end for the rest."""
    if strategy == "Grid":
        names = [item["Name"] for item in ranges.get("CategoricalParameterRanges", [])]
        values = [item["Values"] for item in ranges.get("CategoricalParameterRanges", [])]
        for chosen in itertools.product(*values):
            yield dict(zip(names, chosen, strict=True))
        return
    draw = random.Random(seed)  # noqa: S311 reproducible, not secret
    while True:
        yield _drawn(ranges, draw)


def _drawn(ranges: Ranges, draw: random.Random) -> dict[str, str]:
    found = {item["Name"]: draw.choice(item["Values"]) for item in ranges.get("CategoricalParameterRanges", [])}
    for item in ranges.get("ContinuousParameterRanges", []):
        found[item["Name"]] = repr(_scaled(item, draw.random()))
    for item in ranges.get("IntegerParameterRanges", []):
        found[item["Name"]] = str(round(_scaled(item, draw.random())))
    return found


def _scaled(item: dict[str, Any], share: float) -> float:
    """The value at `share` of a range, along its scale."""
    low, high = float(item["MinValue"]), float(item["MaxValue"])
    match item.get("ScalingType", "Auto"):
        case "Logarithmic":
            return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        case "ReverseLogarithmic":
            return 1 - math.exp(math.log(1 - low) + share * (math.log(1 - high) - math.log(1 - low)))
        case _:
            return low + share * (high - low)
