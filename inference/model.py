"""The model behind the server: known regions from memory, unseen series in batches."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from housing.forecaster import Forecaster, interpolate_levels
from housing.panel import Floats, Panel
from inference.contract import Asked
from inference.numbers import six_digits
from inference.prediction import Prediction, explanation, probability
from inference.series import Ask, Series, Wanted, panel_length, panel_of, resolve, wanted_of
from inference.timed import OnMember, with_timed_members

CACHED_PREDICTIONS = 20_000


@dataclass(frozen=True)
class Outlook:
    """What the model says of one unseen series: `values` (H, 9) at the stored levels, price units; the first forecast month;
    the drawdown probability and, when asked for, its reasons.
    """

    values: Floats
    start: np.datetime64
    drawdown: float
    reasons: dict[str, Any] | None = None


Work = tuple[Wanted, list[int | Series]]
"""A checked request: what is wanted, and a row of the known regions or an unseen series per input."""


class Model:
    """A loaded artifact, ready to answer.

    Attributes
    ----------
    load_seconds : what loading and the warm-up took.
    series_seconds : what one unseen series took in the warm-up.
    """

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster
        self._voices = forecaster
        self.version = forecaster.model_version
        self.load_seconds = 0.0
        self.series_seconds = 0.0
        self._rows = {name: row for row, name in enumerate(forecaster.regions)}
        self._known = forecaster.forecast_known(forecaster.regions)
        self._drawdown: dict[float | None, Floats] = {None: self._known.drawdown_probability}
        self._predictions: OrderedDict[tuple[int, Wanted], Prediction] = OrderedDict()

    @classmethod
    def load(cls, folder: Path, on_member: OnMember | None = None) -> Model:
        """Verify, load and warm up; a housing error says what is wrong with the artifact. `on_member` learns what each member took."""
        started = time.perf_counter()
        model = cls.cold(folder)
        if on_member is not None:
            model.report_to(on_member)
        model.warm_up()
        model.load_seconds = time.perf_counter() - started
        return model

    @classmethod
    def cold(cls, folder: Path) -> Model:
        """Verify and load, without a prediction: no library has started a thread, so that the process can be forked."""
        return cls(Forecaster.load(folder))

    def report_to(self, on_member: OnMember) -> None:
        """Tell `on_member` from now on what each member took."""
        self._voices = with_timed_members(self.forecaster, on_member)

    def warm_up(self) -> None:
        """Answer one unseen series a few times: the first call pays for what the libraries set up, the quickest later one counts."""
        forecaster = self.forecaster
        row = int(np.argmax(np.isfinite(forecaster.panel.price).sum(axis=1)))
        series = Series(forecaster.last_date, forecaster.panel.price[row])
        self.predict([series])
        self.series_seconds = min(self._seconds_of(series) for _ in range(3))

    def _seconds_of(self, series: Series) -> float:
        started = time.perf_counter()
        self.predict([series])
        return time.perf_counter() - started

    def resolve(self, asked: Asked, first: int = 0) -> Work:
        """What is wanted, and a known row or an unseen series per input, counted from `first`; RequestError names the field."""
        wanted = wanted_of(asked.parameters, self.forecaster)
        return wanted, [resolve(item, index, wanted, self.forecaster, self._rows) for index, item in enumerate(asked.inputs, first)]

    def predict(self, series: Sequence[Series]) -> list[Outlook]:
        """One outlook per series, over the full horizon. A series gets the same answer whatever else is asked with it."""
        groups: dict[tuple[np.datetime64, int, Ask], list[int]] = {}
        template = self.forecaster.panel
        for position, one in enumerate(series):
            groups.setdefault((one.end, panel_length(one, template), one.ask), []).append(position)
        answers: dict[int, Outlook] = {}
        for (_, _, ask), positions in groups.items():
            panel = panel_of([series[position] for position in positions], template)
            answers |= zip(positions, self._outlooks(panel, ask), strict=True)
        return [answers[position] for position in range(len(series))]

    def _outlooks(self, panel: Panel, ask: Ask) -> list[Outlook]:
        """One outlook per region of `panel`."""
        forecaster = self.forecaster
        combined = self._voices.log_quantiles(panel, ask.members)
        drawdown = forecaster.drawdown_probability(panel, combined, ask.threshold)
        reasons = forecaster.explain_panel(panel, combined, ask.threshold, ask.members) if ask.explain else [None] * len(combined)
        start = panel.future_dates(1)[0]
        return [Outlook(np.exp(combined[row]), start, float(drawdown[row]), reasons[row]) for row in range(len(combined))]

    def known(self, row: int, wanted: Wanted) -> Prediction:
        """The prediction of a known region, kept in memory."""
        key = (row, wanted)
        if key in self._predictions:
            self._predictions.move_to_end(key)
            return self._predictions[key]
        region, ask = self.forecaster.regions[row], wanted.ask
        reasons = self.forecaster.explain_known([region], ask.threshold)[0] if ask.explain else None
        outlook = Outlook(self._known.values[row], self._known.dates[0], float(self._known_drawdown(ask.threshold)[row]), reasons)
        made = self.render(outlook, wanted, region, True)
        self._predictions[key] = made
        if len(self._predictions) > CACHED_PREDICTIONS:
            self._predictions.popitem(last=False)
        return made

    def render(self, outlook: Outlook, wanted: Wanted, item_id: str | None, with_start: bool) -> Prediction:
        """An outlook as the contract writes it."""
        rounded = six_digits(interpolate_levels(outlook.values[: wanted.horizon], (0.5, *wanted.levels)))
        return Prediction(
            item_id=item_id,
            start=f"{outlook.start}-01" if with_start else None,
            levels=wanted.levels,
            mean=rounded[:, 0],
            values=rounded[:, 1:],
            drawdown_probability=probability(outlook.drawdown),
            model_version=self.version,
            explanation=None if outlook.reasons is None else explanation(outlook.reasons),
        )

    def _known_drawdown(self, threshold: float | None) -> Floats:
        """Drawdown probabilities of all known regions at a threshold; the last few thresholds are kept."""
        if threshold not in self._drawdown:
            if len(self._drawdown) > 16:
                self._drawdown = {None: self._drawdown[None]}
            self._drawdown[threshold] = self.forecaster.drawdown_known(threshold)
        return self._drawdown[threshold]
