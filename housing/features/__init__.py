"""The feature engine: one set of functions builds a training row and a serving row."""

from housing.features.block import FeatureBlock
from housing.features.engine import build_features
from housing.features.market import Market

__all__ = ["FeatureBlock", "Market", "build_features"]
