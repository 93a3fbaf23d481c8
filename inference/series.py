"""From an input of the contract to what is forecast: a known region or an unseen series, checked field by field."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from housing.forecaster import Forecaster
from housing.panel import MONTHS_PER_PERIOD, Floats, Frequency, Panel
from inference.contract import (
    DEFAULT_LEVELS,
    MAX_CONTEXT,
    MAX_COVARIATES,
    MAX_LEVELS,
    MAX_TARGET_LENGTH,
    MIN_OBSERVATIONS,
    Input,
    Parameters,
    Row,
)
from inference.errors import RequestError, invalid

_FREQUENCY_NAMES: Mapping[Frequency, re.Pattern[str]] = {
    "M": re.compile(r"1?(M|MS|ME)"),
    "Q": re.compile(r"1?(Q|QS|QE)(-[A-Z]{3})?|3(M|MS|ME)"),
}
_START = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(-\d{2}([T ][0-9:.]*(Z|[+-]\d{2}:?\d{2})?)?)?")
_YEARS = range(1800, 2201)
_MAX_PRICE = 1e15
_SIMILAR_AMONG = 200
"""Looking for a similar name takes time in proportion to the names: beyond this many none is suggested."""


@dataclass(frozen=True)
class Ask:
    """What the model is to say beyond the usual.

    Attributes
    ----------
    threshold : drawdown depth, None for the model's own definition.
    members : the members that are asked, None for all that answer online.
    explain : whether the reasons of price and drawdown are wanted.
    """

    threshold: float | None = None
    members: tuple[str, ...] | None = None
    explain: bool = False


@dataclass(frozen=True)
class Wanted:
    """The checked parameters of a request."""

    horizon: int
    levels: tuple[float, ...]
    ask: Ask = Ask()


@dataclass(frozen=True)
class Series:
    """A series to forecast: prices float64 (T,), NaN where not observed, the last one at `end`; covariates of the same length.

    `dated` is False when the client gave no dates, so that the answer gives none either.
    """

    end: np.datetime64
    price: Floats
    covariates: Mapping[str, Floats] = field(default_factory=dict)
    ask: Ask = Ask()
    dated: bool = False


def wanted_of(parameters: Parameters, model: Forecaster) -> Wanted:
    """The parameters, checked against what the model can do; RequestError names the field."""
    horizon = min(model.horizon, 12 // MONTHS_PER_PERIOD[model.frequency])
    if parameters.prediction_length is not None:
        horizon = parameters.prediction_length
    if not 1 <= horizon <= model.horizon:
        raise invalid("parameters.prediction_length", f"{horizon}: this model forecasts 1 to {model.horizon} periods")
    levels = DEFAULT_LEVELS if parameters.quantile_levels is None else tuple(parameters.quantile_levels)
    if not 0 < len(levels) <= MAX_LEVELS or len(set(levels)) != len(levels):
        raise invalid("parameters.quantile_levels", f"give 1 to {MAX_LEVELS} levels, each once")
    if not all(0.001 <= level <= 0.999 for level in levels):
        raise invalid("parameters.quantile_levels", "each level must be between 0.001 and 0.999")
    if parameters.freq is not None and not _FREQUENCY_NAMES[model.frequency].fullmatch(parameters.freq):
        name = {"M": "monthly: MS", "Q": "quarterly: QS"}[model.frequency]
        raise invalid("parameters.freq", f"{parameters.freq[:20]!r}: this model is {name}")
    threshold = parameters.drawdown_threshold
    if threshold is not None and not 0 < threshold < 1:
        raise invalid("parameters.drawdown_threshold", f"{threshold:g}: must be between 0 and 1; 0.05 means 5%")
    members = None if parameters.members is None else tuple(dict.fromkeys(parameters.members))
    if members is not None and not (members and set(members) <= set(model.online)):
        raise invalid("parameters.members", f"name one or more of {', '.join(model.online)}: those answer online")
    return Wanted(horizon, tuple(sorted(levels)), Ask(threshold, members, parameters.explain))


def resolve(item: Input | Row, index: int, wanted: Wanted, model: Forecaster, known: Mapping[str, int]) -> int | Series:
    """Row of a known region, or the unseen series; RequestError names the field and the input."""
    where = f"inputs[{index}]"
    if isinstance(item, Row):
        return Series(model.last_date, _checked(item.price, where), {}, wanted.ask)
    if item.target is None:
        row = _known_row(item, where, model, known)
        return row if wanted.ask.members is None else _own_series(row, wanted.ask, model.panel)
    if any(isinstance(value, list) for value in item.target):
        raise invalid(f"{where}.target", "holds several targets; send one input per series")
    price = _checked(np.array(item.target, dtype=np.float64), f"{where}.target")
    length, end = len(item.target), model.last_date
    if item.start is not None:
        first = _first_period(item.start, f"{where}.start", model.frequency)
        end = first + (length - 1) * MONTHS_PER_PERIOD[model.frequency]
    _check_future(item, where, wanted.horizon)
    covariates = {name: values[-MAX_CONTEXT:] for name, values in _covariates(item, where, length).items()}
    return Series(end, price, covariates, wanted.ask, dated=item.start is not None)


def panel_length(series: Series, template: Panel) -> int:
    """Periods of the panel that a series is put into: those of the known regions, doubled until it fits.

    It depends on the series alone, so an answer can't depend on how long the series beside it are.
    """
    length = len(template.dates)
    while length < len(series.price):
        length *= 2
    return length


def panel_of(series: Sequence[Series], template: Panel) -> Panel:
    """One panel of series that end at the same date and have one `panel_length`, as it is known at that date.

    `template` gives the frequency, the names and lags of the covariates, and the national columns, aligned by date.
    """
    length, step = panel_length(series[0], template), template.months_per_period
    dates = series[0].end - np.arange(length)[::-1] * step

    def left_padded(rows: Sequence[Floats | None]) -> Floats:
        table = np.full((len(rows), length), np.nan)
        for target, row in zip(table, rows, strict=True):
            if row is not None:
                target[length - len(row) :] = row
        return table

    columns = (dates - template.dates[0]).astype(np.int64) // step
    inside = (columns >= 0) & (columns < len(template.dates))
    national = {}
    for name, values in template.national.items():
        national[name] = np.full(length, np.nan)
        national[name][inside] = values[columns[inside]]
    panel = Panel(
        regions=tuple(map(str, range(len(series)))),
        dates=dates,
        frequency=template.frequency,
        price=left_padded([one.price for one in series]),
        covariates={name: left_padded([one.covariates.get(name) for one in series]) for name in template.covariates},
        national=national,
        lags=template.lags,
    )
    return panel.until(length - 1)


def _known_row(item: Input, where: str, model: Forecaster, known: Mapping[str, int]) -> int:
    if item.item_id is None:
        raise invalid(where, "has neither target nor item_id; give prices, or the name of a region that the model knows")
    for name in ("start", "past_covariates", "future_covariates"):
        if getattr(item, name):
            raise invalid(f"{where}.{name}", "has no meaning without target; a known region is forecast from its own latest data")
    row = known.get(item.item_id)
    if row is None:
        similar = _similar(item.item_id, model.regions) if len(model.regions) <= _SIMILAR_AMONG else None
        hint = f"did you mean {similar!r}?" if similar else "GET /v1/regions lists the known ones, or send its prices as target"
        raise RequestError("unknown_region", f"{where}.item_id", f"{item.item_id!r}: not known to this model; {hint}")
    return row


@lru_cache(maxsize=4096)
def _similar(name: str, regions: tuple[str, ...]) -> str | None:
    """The known name that is most like `name`, None when none is."""
    return next(iter(difflib.get_close_matches(name, regions, 1)), None)


def _own_series(row: int, ask: Ask, panel: Panel) -> Series:
    """A known region's own data, for members that are asked apart from the stored forecast."""
    return Series(panel.dates[-1], panel.price[row], {name: values[row] for name, values in panel.covariates.items()}, ask, dated=True)


def _checked(price: Floats, where: str) -> Floats:
    """The newest prices of a series, all of them good; RequestError names the first that is not."""
    if len(price) > MAX_TARGET_LENGTH:
        raise invalid(where, f"{len(price)} values; at most {MAX_TARGET_LENGTH}")
    missing = np.isnan(price)
    wrong = ~missing & ~((price > 0) & (price < _MAX_PRICE))
    if wrong.any():
        at = int(wrong.argmax())
        raise invalid(f"{where}[{at}]", f"{price[at]:g} is not a price; send a positive number, or null where not observed")
    newest = price[-MAX_CONTEXT:]
    observed = len(newest) - int(missing[-MAX_CONTEXT:].sum())
    if observed < MIN_OBSERVATIONS:
        raise invalid(where, f"{observed} prices; at least {MIN_OBSERVATIONS} are needed, 36 or more are advised")
    if missing[-1]:
        raise invalid(f"{where}[{len(price) - 1}]", "the newest value is null; end the series at its last price")
    return newest


def _check_future(item: Input, where: str, horizon: int) -> None:
    for name, values in item.future_covariates.items():
        if name not in item.past_covariates:
            raise invalid(f"{where}.future_covariates", f"{name[:40]!r}: not among past_covariates; give its past too")
        if len(values) != horizon:
            raise invalid(f"{where}.future_covariates", f"{name[:40]!r}: {len(values)} values; prediction_length is {horizon}")


def _first_period(start: str, where: str, frequency: Frequency) -> np.datetime64:
    found = _START.fullmatch(start)
    if not found or int(found[1]) not in _YEARS:
        raise invalid(where, f"{start[:40]!r} is not a date; write it as 2010-01-01")
    month = np.datetime64(f"{found[1]}-{found[2]}", "M")
    return month - int(month.astype(np.int64)) % MONTHS_PER_PERIOD[frequency]


def _covariates(item: Input, where: str, length: int) -> dict[str, Floats]:
    if len(item.past_covariates) > MAX_COVARIATES:
        raise invalid(f"{where}.past_covariates", f"{len(item.past_covariates)} names; at most {MAX_COVARIATES}")
    numbers = {}
    for name, values in item.past_covariates.items():
        if len(values) != length:
            raise invalid(f"{where}.past_covariates", f"{name[:40]!r}: {len(values)} values for {length} prices; send one per price")
        if not any(isinstance(value, str) for value in values):
            column = np.array(values, dtype=np.float64)
            numbers[name] = np.where(np.isfinite(column), column, np.nan)
    return numbers
