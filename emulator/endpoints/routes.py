"""Which variant gets the next invocation."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.endpoints.variant import LiveVariant


class Routes:
    """The variants of one endpoint and their weights. Read and advanced on the event loop only; replaced as a whole.

    The split is exact, not random: smooth weighted round robin (each turn every variant earns its weight, the richest is taken and pays
    the sum), so of any `n` invocations a variant of share `p` gets `n p`, give or take one.
    """

    def __init__(self, variants: Sequence[tuple[LiveVariant, float]]) -> None:
        self.variants = {variant.name: variant for variant, _ in variants}
        self._weights = {variant.name: weight for variant, weight in variants if weight > 0}
        self._earned = dict.fromkeys(self._weights, 0.0)
        self._sum = sum(self._weights.values())

    def next(self) -> LiveVariant | None:
        """The variant whose turn it is; None when no variant has a weight."""
        if len(self._weights) == 1:
            return self.variants[next(iter(self._weights))]
        if not self._weights:
            return None
        for name, weight in self._weights.items():
            self._earned[name] += weight
        taken = max(self._earned, key=self._earned.__getitem__)
        self._earned[taken] -= self._sum
        return self.variants[taken]
