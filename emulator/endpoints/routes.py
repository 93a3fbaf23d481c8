"""Which variant gets the next invocation."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.endpoints.capture import CaptureSettings
from emulator.endpoints.variant import LiveVariant


class Routes:
    """The variants of one endpoint and their weights. Read and advanced on the event loop only; replaced as a whole.

    The split is exact, not random: smooth weighted round robin (each turn every variant earns its weight, the richest is taken and pays
    the sum), so of any `n` invocations a variant of share `p` gets `n p`, give or take one.
    """

    def __init__(
        self,
        variants: Sequence[tuple[LiveVariant, float]],
        shadow: tuple[LiveVariant, float] | None = None,
        capture: CaptureSettings | None = None,
        asynchronous: bool = False,
    ) -> None:
        self.capture, self.asynchronous = capture, asynchronous
        self._shadow: LiveVariant | None = shadow[0] if shadow is not None else None
        self._shadow_weight = shadow[1] if shadow is not None else 0.0
        self._mirrored = 0.0
        self.variants = {variant.name: variant for variant, _ in variants}
        self._weights = {variant.name: weight for variant, weight in variants if weight > 0}
        self._earned = dict.fromkeys(self._weights, 0.0)
        self._sum = sum(self._weights.values())

    def side(self) -> Routes:
        """The routes for one invocation: these."""
        return self

    @property
    def running(self) -> list[LiveVariant]:
        """Every variant that has a process, the shadow last."""
        return [*self.variants.values(), *([self._shadow] if self._shadow is not None else [])]

    def mirror(self) -> LiveVariant | None:
        """The shadow, when it gets a copy of this invocation: as many of them as its weight is of the production variant's."""
        if self._shadow is None or not self._sum:
            return None
        self._mirrored += min(1.0, self._shadow_weight / self._sum)
        if self._mirrored < 1 - 1e-9:
            return None
        self._mirrored -= 1
        return self._shadow

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


class Shift(Routes):
    """Two sets of routes while the traffic of an endpoint moves from `blue` to `green`; `share` of it goes to green."""

    def __init__(self, blue: Routes, green: Routes, share: float) -> None:
        super().__init__([])
        self._blue, self._green, self._share, self._earned_share = blue, green, share, 0.0

    def side(self) -> Routes:
        """Green as often as its share says, blue otherwise."""
        self._earned_share += self._share
        if self._earned_share < 1 - 1e-9:
            return self._blue
        self._earned_share -= 1
        return self._green

    @property
    def running(self) -> list[LiveVariant]:
        """Every variant of both sides."""
        return [*self._blue.running, *self._green.running]
