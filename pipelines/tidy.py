"""Requests and answers of a batch job joined into one tidy table: a row per region and period ahead."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.errors import ResultsError
from pipelines.transform import shifted

KEYS = ("key", "region", "month", "horizon")

Record = dict[str, str | int | float | None]


def joined(requests: Iterable[bytes], answers: Iterable[bytes], where: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each request with its answer, in order.

    Errors: ResultsError when their numbers differ, or an answer is about another region than its request.
    """
    number = 0
    try:
        for number, (request_line, answer_line) in enumerate(zip(requests, answers, strict=True), start=1):
            request, answer = json.loads(request_line), json.loads(answer_line)
            asked = [item.get("item_id") for item in request.get("inputs", [])]
            told = [item.get("item_id") for item in answer.get("predictions", [])]
            if "error" not in answer and any(one is not None and one != other for one, other in zip(asked, told, strict=True)):
                raise ResultsError(f"{where} line {number}: the answer is about {told}, asked was {asked}; run the job again")
            yield request, answer
    except ValueError as error:
        raise ResultsError(f"{where} line {number + 1}: requests and answers do not match ({error}); run the job again") from error


def records(request: dict[str, Any], answer: dict[str, Any], months_per_period: int) -> Iterator[Record]:
    """The rows of one answer. `key` is the request's id, else the region."""
    for prediction in answer.get("predictions", []):
        first = date.fromisoformat(prediction["start"])
        levels = sorted((name for name in prediction if _is_level(name)), key=float)
        for step in range(len(prediction[levels[0]])):
            row: Record = {
                "key": request.get("id", prediction["item_id"]),
                "region": prediction["item_id"],
                "month": shifted(first, step * months_per_period),
                "horizon": step + 1,
            }
            row |= {level: prediction[level][step] for level in levels}
            yield row | {"drawdown_probability": prediction.get("drawdown_probability"), "model_version": prediction.get("model_version")}


def write_csv(rows: Iterable[Record], path: Path) -> int:
    """Write the rows; returns how many. Errors: ResultsError when a row has other quantiles than the first."""
    count, columns = 0, None
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in rows:
            if columns is None:
                columns = list(row)
                writer.writerow(columns)
            if list(row) != columns:
                raise ResultsError(
                    f"{row['key']}: has other quantiles than the rows before it; ask for the same quantile_levels in each request"
                )
            writer.writerow(["" if value is None else value for value in row.values()])
            count += 1
    return count


def to_parquet(table: Path, path: Path) -> None:
    """The csv file as Parquet, block by block. Errors: ResultsError when pyarrow is not installed."""
    try:
        from pyarrow import csv as arrow_csv
        from pyarrow import parquet
    except ImportError as error:
        raise ResultsError("--format parquet: needs pyarrow; install it, or use --format csv") from error
    text = arrow_csv.ConvertOptions(column_types={"key": "string", "region": "string", "model_version": "string"})
    with arrow_csv.open_csv(table, convert_options=text) as blocks, parquet.ParquetWriter(path, blocks.schema) as writer:
        for block in blocks:
            writer.write_batch(block)


def _is_level(name: str) -> bool:
    return name[:1].isdigit() and name.replace(".", "", 1).isdigit()
