"""Which training jobs of a tuning job are worth going on with: Hyperband's rungs, and the median rule of `Auto` early stopping."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any, Protocol

REDUCTION = 3
_EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")


class Verdict(Protocol):
    """Judges trials by the values of the objective that they have printed, one for each unit of the resource, mostly an epoch."""

    def goes_on(self, number: int, values: Sequence[float]) -> bool:
        """Whether trial `number` (from 1), which has printed `values`, may go on."""


@dataclass
class Hyperband:
    """Asynchronous successive halving, in brackets that begin to judge later and later (Li et al., 2018 and 2020).

    A trial that reaches a rung (`minimum` units, three times as many, ...) goes on if in the best third of those that have reached it;
    trial after trial begins in the next bracket, whose first rung is three times as high. One that goes beyond `maximum` units is ended.

    Parameters
    ----------
    minimum, maximum
        MinResource and MaxResource.
    sign
        1 to maximize, -1 to minimize.
    """

    minimum: int
    maximum: int
    sign: int
    _reached: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def _rungs(self, number: int) -> list[int]:
        steps = [self.minimum * REDUCTION**power for power in range(20)]
        rungs = [step for step in steps if step < self.maximum] or [self.maximum]
        return rungs[(number - 1) % len(rungs) :]

    def goes_on(self, number: int, values: Sequence[float]) -> bool:
        if len(values) > self.maximum:
            return False
        for rung in self._rungs(number):
            if len(values) >= rung and number not in self._reached[rung]:
                self._reached[rung][number] = self.sign * values[rung - 1]
                ranked = sorted(self._reached[rung], key=self._reached[rung].__getitem__, reverse=True)
                if ranked.index(number) >= max(1, math.ceil(len(ranked) / REDUCTION)):
                    return False
        return True


@dataclass
class MedianRule:
    """`Auto`: a trial ends when its value is worse than the median of the others' running averages up to the same unit."""

    sign: int
    _seen: dict[int, Sequence[float]] = field(default_factory=dict)

    def goes_on(self, number: int, values: Sequence[float]) -> bool:
        self._seen[number] = list(values)
        count = len(values)
        others = [fmean(seen[:count]) for other, seen in self._seen.items() if other != number and len(seen) >= count > 0]
        return len(others) < 2 or self.sign * values[-1] >= median(self.sign * average for average in others)


class Always:
    """No early stopping."""

    def goes_on(self, number: int, values: Sequence[float]) -> bool:  # noqa: ARG002
        return True


class ResourceError(Exception):
    """Hyperband is not told how long a training job may train; one line."""


def verdict_of(config: Mapping[str, Any], static: Mapping[str, str], maximize: bool) -> Verdict:
    """The rule that a HyperParameterTuningJobConfig asks for.

    Raises
    ------
    ResourceError
        When Hyperband has no MaxResource, nor a number of epochs among the static hyperparameters, or early stopping besides.
    """
    sign, stopping = 1 if maximize else -1, config.get("TrainingJobEarlyStoppingType", "Off")
    if config["Strategy"] != "Hyperband":
        return MedianRule(sign) if stopping == "Auto" else Always()
    if stopping != "Off":
        raise ResourceError("TrainingJobEarlyStoppingType must be Off with the strategy Hyperband, which stops training jobs itself")
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    named = next((static[name] for name in _EPOCHS if name in static), "")
    maximum = given.get("MaxResource") or (int(named) if named.isdigit() else 0)
    if not maximum:
        raise ResourceError("Hyperband needs StrategyConfig.HyperbandStrategyConfig.MaxResource, or epochs in StaticHyperParameters")
    return Hyperband(int(given.get("MinResource", 1)), int(maximum), sign)
