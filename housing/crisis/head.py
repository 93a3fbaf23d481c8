"""The drawdown head: from the outlook's distance to the threshold to a calibrated probability."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from housing.backtest import Backtest
from housing.crisis.calibration import Calibration, calibrate, distances, room_left
from housing.crisis.dependence import DEFAULT_MEMORY, combined_paths, estimate_memory
from housing.crisis.explanation import explain_rows
from housing.crisis.logistic import log_odds, sigmoid
from housing.crisis.market import Market
from housing.crisis.outlook import Step, fit_outlook
from housing.crisis.paths import paths_probability
from housing.crisis.shares import mix
from housing.crisis.signals import Signals, build_signals, with_deflator_to_date
from housing.errors import ArtifactError, SettingsError
from housing.labels import DrawdownDefinition
from housing.members.store import read_json, write_json
from housing.panel import Floats, Panel

FILE = "crisis.json"


@dataclass(frozen=True)
class Fitted:
    """All that a fit leaves: the definition, the outlook, the cross-section's course, the calibration
    and the memory of the forecast errors."""

    definition: DrawdownDefinition
    frequency: str
    steps: tuple[Step, ...]
    market: Market
    calibration: Calibration
    memory: float


class DrawdownHead:
    """Probability that a region which is not in a drawdown enters one within the definition's horizon.

    Three voices, averaged in log-odds (`housing.crisis.shares`): the outlook, whose distance to the threshold is
    min over the next steps of (room above it + expected growth) / scale of the error; the depth alone; and, where the
    ensemble's forecast is given, the share of its paths that fall so far.
    """

    def __init__(self) -> None:
        self._fitted: Fitted | None = None

    @property
    def definition(self) -> DrawdownDefinition:
        return self._state().definition

    def fit(self, panel: Panel, definition: DrawdownDefinition, backtest: Backtest | None = None) -> Self:
        """Learn from a panel that ends at the origin.

        A period teaches only once its whole window of `horizon` periods lies inside the panel, which `Panel.until` has cut
        at the origin and at the publication lags. From `backtest` comes the dependence of forecast errors from step to step.
        DataError when the panel is too short to learn anything.
        """
        memory = DEFAULT_MEMORY
        if backtest is not None:
            memory = estimate_memory(panel, backtest.origins.tolist(), combined_paths(panel, backtest))
        return self.fit_with_memory(panel, definition, memory)

    def fit_with_memory(self, panel: Panel, definition: DrawdownDefinition, memory: float) -> Self:
        """`fit` with a dependence of the errors that is already known, in [0, 1]; see `housing.crisis.paths`."""
        panel = with_deflator_to_date(panel, definition)
        signals = build_signals(panel, definition)
        steps = tuple(fit_outlook(signals, definition.horizon, _teaching(panel, definition)))
        calibration = calibrate(panel, definition, signals, steps)
        self._fitted = Fitted(definition, panel.frequency, steps, signals.market, calibration, memory)
        return self

    def predict(self, panel: Panel, log_quantiles: Floats | None = None, threshold: float | None = None) -> Floats:
        """P(onset within the horizon) after the last column of `panel`, (N,).

        log_quantiles : (N, H, 9) forecast of the log price at that origin, or None.
        threshold : another depth than the fitted one; the calibration is shared between depths.

        NaN where the region is already that deep or has less than about two and a half years of prices.
        """
        state, signals = self._newest(panel)
        definition = state.definition if threshold is None else state.definition.at(threshold)
        outlook = state.calibration.outlook.odds(distances(signals, state.steps, [definition.threshold])[0][:, -1])
        depth = state.calibration.depth.odds(room_left(signals, definition.threshold)[:, -1])
        odds = mix(outlook, depth, self._implied(panel, log_quantiles, definition))
        at_risk = signals.depth[:, -1] > -definition.threshold
        return np.where(at_risk, sigmoid(odds), np.nan)

    def explain(self, panel: Panel, log_quantiles: Floats | None = None, threshold: float | None = None) -> list[dict[str, Any]]:
        """Why each region is at risk: its log-odds as a sum over groups of variables.

        Per region `{"region", "probability", "log_odds", "base", "contributions": {group: log-odds}}`, where `base` is a
        region at its peak, with average signals and the market's noise; `base` and the contributions add up to `log_odds`.
        The group `paths` is what the ensemble's forecast adds. The probability is NaN, and there are no contributions,
        where `predict` has none.
        """
        state, signals = self._newest(panel)
        definition = state.definition if threshold is None else state.definition.at(threshold)
        probability = self.predict(panel, log_quantiles, threshold)
        implied = self._implied(panel, log_quantiles, definition)
        known = np.full(len(probability), np.nan) if implied is None else implied
        rows = explain_rows(signals, state.steps, state.calibration, definition.threshold, known)
        unknown = {"log_odds": float("nan"), "base": float("nan"), "contributions": {}}
        return [
            {"region": name, "probability": float(p), **(asdict(reasons) if reasons is not None and np.isfinite(p) else unknown)}
            for name, p, reasons in zip(panel.regions, probability, rows, strict=True)
        ]

    def _implied(self, panel: Panel, log_quantiles: Floats | None, definition: DrawdownDefinition) -> Floats | None:
        if log_quantiles is None:
            return None
        to_date = with_deflator_to_date(panel, definition)
        everywhere = replace(definition, regions=None)
        return log_odds(paths_probability(to_date, everywhere, log_quantiles, self._state().memory))

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
                "calibration": state.calibration.to_json(),
                "memory": state.memory,
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
                calibration=Calibration.from_json(facts["calibration"]),
                memory=facts["memory"],
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


def _teaching(panel: Panel, definition: DrawdownDefinition) -> Floats:
    chosen = panel.regions if definition.regions is None else definition.regions
    return np.isin(panel.regions, chosen).astype(np.float64)
