"""How likely is a price drawdown: a probability per region, why, and how it would have done."""

from housing.crisis.head import DrawdownHead
from housing.crisis.walk import walk_forward

__all__ = ["DrawdownHead", "walk_forward"]
