"""The split between variants."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from emulator.endpoints.routes import Routes


@dataclass(frozen=True)
class Named:
    name: str


def _routes(*weights: float) -> Routes:
    return Routes(cast(Any, [(Named(str(number)), weight) for number, weight in enumerate(weights)]))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5), st.integers(1, 300))
def test_each_variant_gets_its_share_give_or_take_one(weights, invocations):
    routes, total = _routes(*weights), sum(weights)
    chosen = [routes.next() for _ in range(invocations)]
    if not total:
        assert set(chosen) == {None}
        return
    counts = Counter(variant.name for variant in chosen if variant is not None)
    for number, weight in enumerate(weights):
        assert abs(counts[str(number)] - invocations * weight / total) <= 1 + 1e-6


def test_a_variant_without_weight_is_known_and_gets_nothing():
    routes = _routes(1, 0)
    assert set(routes.variants) == {"0", "1"}
    assert {variant.name for _ in range(5) if (variant := routes.next())} == {"0"}
