"""Neural: a compact network that learns quantile paths from all regions at once."""
