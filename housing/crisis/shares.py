"""How much each of three voices counts, in log-odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from housing.panel import Floats

OUTLOOK, DEPTH, PATHS = 0.65, 0.1, 0.25


@dataclass(frozen=True)
class Shares:
    """The outlook, the plain depth, the ensemble's quantile paths: shares that add up to 1."""

    outlook: float
    depth: float
    paths: float

    @classmethod
    def of(cls, with_paths: bool) -> Self:
        """Without a forecast the paths leave their share to the other two."""
        if with_paths:
            return cls(OUTLOOK, DEPTH, PATHS)
        rest = OUTLOOK + DEPTH
        return cls(OUTLOOK / rest, DEPTH / rest, 0.0)


def mix(outlook: Floats, depth: Floats, implied: Floats | None) -> Floats:
    """Mean of the log-odds, (N,); `implied` may be absent, or NaN for some regions."""
    two, three = Shares.of(False), Shares.of(True)
    own: Floats = two.outlook * outlook + two.depth * depth
    if implied is None:
        return own
    return np.where(np.isfinite(implied), three.outlook * outlook + three.depth * depth + three.paths * implied, own)
