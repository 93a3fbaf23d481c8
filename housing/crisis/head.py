"""The drawdown head: from the outlook's distance to the threshold to a calibrated probability."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from housing.backtest import Backtest
from housing.crisis.logistic import fit_logistic, sigmoid
from housing.crisis.outlook import Step, fit_outlook
from housing.crisis.signals import Market, Signals, build_signals, with_deflator_to_date
from housing.errors import ArtifactError, SettingsError
from housing.labels import DrawdownDefinition, onset_labels
from housing.members.store import read_json, write_json
from housing.panel import Floats, Panel

FILE = "crisis.json"

PRIOR_SLOPE = 1.7
"""A logistic curve with this slope is the normal distribution function within 0.01: the prior is 'the outlook is right'."""

INTERCEPT_PENALTY, SLOPE_PENALTY = 10.0, 100.0

NEIGHBOURS = (0.5, 1.0, 1.5)
"""The calibration also learns from the onsets of shallower and deeper drawdowns: more events, and any threshold can be asked."""

DEEPEST = 0.95


@dataclass(frozen=True)
class Fitted:
    """All that a fit leaves: the definition, the outlook, the cross-section's course, the calibration (intercept, slope)."""

    definition: DrawdownDefinition
    frequency: str
    steps: tuple[Step, ...]
    market: Market
    intercept: float
    slope: float


class DrawdownHead:
    """Probability that a region which is not in a drawdown enters one within the definition's horizon.

    distance = min over the next steps of (room above the threshold + expected growth) / scale of the error,
    log-odds = intercept - slope * distance, with intercept and slope pulled to 0 and 1.7 (the normal law).
    """

    def __init__(self) -> None:
        self._fitted: Fitted | None = None

    @property
    def definition(self) -> DrawdownDefinition:
        return self._state().definition

    def fit(self, panel: Panel, definition: DrawdownDefinition, backtest: Backtest | None = None) -> Self:
        """Learn from a panel that ends at the origin.

        A period teaches only once its whole window of `horizon` periods lies inside the panel, which `Panel.until` has cut
        at the origin and at the publication lags. DataError when the panel is too short to learn anything.
        """
        panel = with_deflator_to_date(panel, definition)
        signals = build_signals(panel, definition)
        steps = tuple(fit_outlook(signals, definition.horizon, _teaching(panel, definition)))
        intercept, slope = _calibrate(panel, definition, signals, steps)
        self._fitted = Fitted(definition, panel.frequency, steps, signals.market, intercept, slope)
        return self

    def predict(self, panel: Panel, log_quantiles: Floats | None = None, threshold: float | None = None) -> Floats:
        """P(onset within the horizon) after the last column of `panel`, (N,).

        log_quantiles : (N, H, 9) forecast of the log price at that origin, or None.
        threshold : another depth than the fitted one; the calibration is shared between depths.

        NaN where the region is already that deep or has less than about two and a half years of prices.
        """
        state, signals = self._newest(panel)
        definition = state.definition if threshold is None else state.definition.at(threshold)
        odds = state.intercept - state.slope * distance(signals, state.steps, definition.threshold)[:, -1]
        at_risk = signals.depth[:, -1] > -definition.threshold
        return np.where(at_risk, sigmoid(odds), np.nan)

    def explain(self, panel: Panel, threshold: float | None = None) -> list[dict[str, Any]]:
        """Why each region is at risk: its log-odds as a sum over groups of variables.

        Per region `{"region", "probability", "log_odds", "base", "contributions": {group: log-odds}}`, where `base` is a
        region at its peak, with average signals and the market's noise; `base` and the contributions add up to `log_odds`.
        The probability is NaN, and there are no contributions, where `predict` has none.
        """
        from housing.crisis.explanation import Curve, explain_region

        state, signals = self._newest(panel)
        definition = state.definition if threshold is None else state.definition.at(threshold)
        probability = self.predict(panel, threshold=threshold)
        curve = Curve(definition.threshold, state.intercept, state.slope, float(signals.market.noise[-1]))
        return [
            {"region": name, "probability": float(probability[i])}
            | explain_region(i, signals, state.steps, curve, bool(np.isfinite(probability[i])))
            for i, name in enumerate(panel.regions)
        ]

    def save(self, folder: Path) -> None:
        """Write `crisis.json`; the same fit gives the same bytes."""
        state = self._state()
        write_json(
            folder / FILE,
            {
                "definition": state.definition.to_json(),
                "frequency": state.frequency,
                "steps": [step.to_json() for step in state.steps],
                "market": state.market.to_json(),
                "intercept": state.intercept,
                "slope": state.slope,
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it is incomplete."""
        facts = read_json(folder / FILE)
        head = cls()
        try:
            head._fitted = Fitted(
                definition=DrawdownDefinition.from_json(facts["definition"]),
                frequency=facts["frequency"],
                steps=tuple(Step.from_json(step) for step in facts["steps"]),
                market=Market.from_json(facts["market"]),
                intercept=facts["intercept"],
                slope=facts["slope"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{FILE}: {error} is missing or malformed; train the drawdown head again") from error
        return head

    def _newest(self, panel: Panel) -> tuple[Fitted, Signals]:
        state = self._state()
        if panel.frequency != state.frequency:
            raise SettingsError(f"frequency {panel.frequency}: the drawdown head was fitted on {state.frequency}; give that or fit again")
        return state, build_signals(with_deflator_to_date(panel, state.definition), state.definition, state.market).newest()

    def _state(self) -> Fitted:
        if self._fitted is None:
            raise SettingsError("drawdown head: not fitted; call fit or load first")
        return self._fitted


def distance(signals: Signals, steps: tuple[Step, ...], threshold: float) -> Floats:
    """Room above the threshold at the tightest step, in scales of the outlook's error: (N, T')."""
    room = np.log1p(signals.depth) - np.log1p(-threshold)
    nearest: Floats = np.minimum.reduce([(room + step.mean(signals)) / step.deviation(signals) for step in steps])
    return nearest


def _teaching(panel: Panel, definition: DrawdownDefinition) -> Floats:
    chosen = panel.regions if definition.regions is None else definition.regions
    return np.isin(panel.regions, chosen).astype(np.float64)


def _calibrate(panel: Panel, definition: DrawdownDefinition, signals: Signals, steps: tuple[Step, ...]) -> tuple[float, float]:
    """Intercept and slope from the matured labels; overlapping windows count as one observation."""
    distances, labels = [], []
    for factor in NEIGHBOURS:
        depth = min(factor * definition.threshold, DEEPEST)
        label, far = onset_labels(panel, definition.at(depth)), distance(signals, steps, depth)
        usable = np.isfinite(label) & np.isfinite(far)
        distances.append(far[usable])
        labels.append(label[usable])
    y, far = np.concatenate(labels), np.concatenate(distances)
    x = np.column_stack([np.ones(len(far)), -far])
    weight = np.full(len(y), 1 / (definition.horizon * len(NEIGHBOURS)))
    b = fit_logistic(x, y, weight, np.array([INTERCEPT_PENALTY, SLOPE_PENALTY]), np.array([0.0, PRIOR_SLOPE]))
    return float(b[0]), float(max(b[1], 0.0))
