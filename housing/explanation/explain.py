"""Both reasons of a region at once, as the report and the service show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from housing.crisis import DrawdownHead
from housing.explanation.price import explain_price
from housing.features.market import Market
from housing.members.base import Member
from housing.panel import Floats, Panel


def explain(
    panel: Panel,
    log_quantiles: Floats,
    members: Mapping[str, Member],
    weights: Mapping[str, float],
    drawdown: DrawdownHead | None,
    *,
    market: Market | None = None,
    threshold: float | None = None,
) -> list[dict[str, Any]]:
    """Why the regions of `panel` are forecast as they are, given their forecast (N, H, 9).

    Per region `{"region", "price": {"log_price", "base", "contributions"}, "drawdown": {"log_odds", "base", "contributions"}}`:
    in each, the base and the contributions by group add up to the first number. `drawdown` is None without a drawdown head;
    its numbers are NaN where a region has no probability. See `explain_price` and `DrawdownHead.explain`.
    """
    prices = explain_price(panel, log_quantiles, members, weights, market)
    risks = [None] * len(prices) if drawdown is None else [_log_odds(one) for one in drawdown.explain(panel, log_quantiles, threshold)]
    return [{"region": name, "price": price, "drawdown": risk} for name, price, risk in zip(panel.regions, prices, risks, strict=True)]


def _log_odds(reasons: Mapping[str, Any]) -> dict[str, Any]:
    return {name: reasons[name] for name in ("log_odds", "base", "contributions")}
