"""Why: what moves a region's price forecast, and what puts it at risk, as sums over groups of variables."""

from housing.explanation.explain import explain
from housing.explanation.price import explain_price

__all__ = ["explain", "explain_price"]
