"""What hosts exchange at the end: the forecasts of each one's origins, the files of each one's fitted members."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from housing.backtest import Backtest, join_origins
from training.checkpoint import Arrays
from training.cluster import Collective


def gather_backtest(mine: Backtest | None, empty: Backtest, collective: Collective) -> Backtest:
    """All hosts' origins as one backtest; `empty` is one of no origin, for regions and horizon."""
    own: Arrays = {} if mine is None else {"origins": mine.origins, **{f"values.{name}": values for name, values in mine.values.items()}}
    parts = [_read(content) for content in collective.gather(_write(own))]
    found = []
    for part in filter(None, parts):
        values = {name.removeprefix("values."): array.astype(np.float32) for name, array in part.items() if name != "origins"}
        found.append(Backtest(empty.regions, part["origins"].astype(np.int64), empty.horizon, values))
    return join_origins(found)


def gather_files(mine: Mapping[str, Arrays], collective: Collective) -> dict[str, Arrays]:
    """Member -> the files of its fit, of all hosts."""
    own = {f"{member}/{file}": content for member, files in mine.items() for file, content in files.items()}
    found: dict[str, Arrays] = {}
    for part in map(_read, collective.gather(_write(own))):
        for name, content in part.items():
            member, _, file = name.partition("/")
            found.setdefault(member, {})[file] = content
    return found


def _write(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _read(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
