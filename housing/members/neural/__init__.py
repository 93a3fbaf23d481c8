"""Neural: a compact network that learns quantile paths from all regions at once."""

from housing.members.neural.member import Neural

__all__ = ["Neural"]
