"""What moves the median of the price forecast: Shapley values of the members that have them, summed by group of features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from housing.features.market import Market
from housing.members.attributed import MEDIAN, Attributed
from housing.members.base import Member
from housing.panel import Floats, Panel

OTHERS = "other methods"
"""The group of what is no sum over features: members that only continue the series, and the sorting of crossed quantiles."""


def explain_price(
    panel: Panel, log_quantiles: Floats, members: Mapping[str, Member], weights: Mapping[str, float], market: Market | None = None
) -> list[dict[str, Any]]:
    """Why the median of each region's log price at the end of the horizon is what it is.

    Parameters
    ----------
    panel
        The regions, up to the origin.
    log_quantiles
        The ensemble's forecast, (N, H, 9).
    members, weights
        Members by name, and the weight of each in the ensemble's median at step H. Names without a member, or whose member is no
        sum over features, are left to the group `other methods`.
    market
        As in `Member.predict`.

    Returns
    -------
    Per region `{"log_price", "base", "contributions": {group: log price}}`: `base` is the level of the last year with the season of
    the target's period and what the members add for average features; `base` and the contributions add up to `log_price`.
    """
    step = log_quantiles.shape[1]
    median = log_quantiles[:, -1, MEDIAN]
    base, groups = np.zeros(len(median)), dict[str, Floats]()
    share, path = 0.0, np.zeros(len(median))
    for name, member in members.items():
        weight = weights.get(name, 0.0)
        if weight and isinstance(member, Attributed):
            found = member.attribute(panel, step, market)
            share, path = share + weight, found.path
            base = base + weight * found.constant
            for group in dict.fromkeys(found.groups):
                chosen = [own == group for own in found.groups]
                groups[group] = groups.get(group, np.zeros(len(median))) + weight * found.parts[:, chosen].sum(axis=1)
    base = base + path if share else median
    groups[OTHERS] = median - base - sum(groups.values(), np.zeros(len(median)))
    return [
        {
            "log_price": float(median[row]),
            "base": float(base[row]),
            "contributions": {group: float(values[row]) for group, values in groups.items()} if np.isfinite(median[row]) else {},
        }
        for row in range(len(median))
    ]
