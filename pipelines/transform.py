"""The batch forecast as rows: one per region and month ahead."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pipelines.errors import ResultsError

LEVELS = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9")
COLUMNS = ("region", "month", "horizon", *LEVELS, "drawdown_probability", "labelled")


@dataclass(frozen=True)
class Row:
    """One region, one period ahead.

    Attributes
    ----------
    month : first day of the period, YYYY-MM-01.
    horizon : periods ahead, from 1.
    quantiles : price at each of `LEVELS`.
    drawdown_probability : of the region, the same on each of its rows; None where it is not defined.
    labelled : whether the drawdown definition is stated, and was scored, for the region; elsewhere the probability is indicative.
    """

    region: str
    month: str
    horizon: int
    quantiles: tuple[float, ...]
    drawdown_probability: float | None
    labelled: bool = True


def forecast_rows(lines: Iterable[str], months_per_period: int, labelled: Collection[str] | None = None) -> Iterator[Row]:
    """The rows in the response lines of a batch transform; ResultsError when a line holds no predictions.

    `labelled` names the regions of the drawdown definition, None when it is stated for all.
    """
    for number, line in enumerate(filter(None, map(str.strip, lines)), start=1):
        answer = json.loads(line)
        if "predictions" not in answer:
            message = answer.get("error", {}).get("message", "it has no predictions")
            raise ResultsError(f"forecast line {number}: {message}; start the pipeline again with `housing run`")
        for prediction in answer["predictions"]:
            yield from _rows(prediction, months_per_period, labelled is None or prediction["item_id"] in labelled)


def to_csv(rows: Sequence[Row]) -> str:
    """`region,month,horizon,0.1,...,0.9,drawdown_probability,labelled`; an empty field where there is no probability; 1 or 0."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        probability = "" if row.drawdown_probability is None else row.drawdown_probability
        writer.writerow([row.region, row.month, row.horizon, *row.quantiles, probability, int(row.labelled)])
    return text.getvalue()


def _rows(prediction: dict[str, object], months_per_period: int, labelled: bool) -> Iterator[Row]:
    first = date.fromisoformat(str(prediction["start"]))
    paths = [prediction[level] for level in LEVELS]
    probability = prediction.get("drawdown_probability")
    for step, values in enumerate(zip(*paths, strict=True)):
        yield Row(
            region=str(prediction["item_id"]),
            month=shifted(first, step * months_per_period),
            horizon=step + 1,
            quantiles=tuple(float(value) for value in values),
            drawdown_probability=None if probability is None else float(str(probability)),
            labelled=labelled,
        )


def shifted(first: date, months: int) -> str:
    """The first day of the month that is so many months later, YYYY-MM-01."""
    count = first.year * 12 + first.month - 1 + months
    return f"{count // 12:04d}-{count % 12 + 1:02d}-01"
