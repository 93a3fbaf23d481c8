"""One, two and four hosts: what each does, and what they say to each other.

`python -m benchmarks.hosts`: the Train step of a member with its origins dealt, and Prepare with its regions dealt, to 1, 2 and 4 hosts
of an emulator. Counted are CPU seconds, which depend little on how busy the machine is, and the collective calls and bytes: of the
busiest host against one host that does all.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.prepare_jobs import prepare
from benchmarks.record import Recorder, recording
from benchmarks.train_jobs import TrainJobs, prepared, train_jobs
from housing.atomic import write_atomically
from housing.panel import Panel
from housing.sources.folder import FACTS_NAME, TABLE_NAME, compressed_table
from housing.sources.texas import TexasSource

HOSTS = (1, 2, 4)
MEMBER = {"members": "xgboost", "seed": "1", "rounds": "30", "rows": "4000"}
REGIONS, PERIODS, COVARIATES = 2000, 300, 3
_CPU = re.compile(r"([0-9.]+) CPU seconds")
_SENT = re.compile(r"(\d+) collective calls, (\d+) bytes sent")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, train_jobs(Path(folder)) as jobs, recording("hosts") as record:
        _train(jobs, Path(folder), record)
        _prepare(jobs, Path(folder), record)


def _train(jobs: TrainJobs, folder: Path, record: Recorder) -> None:
    jobs.upload(prepared(folder / "data", regions=30, periods=120, scored=6))
    alone, first = 0.0, b""
    for hosts in HOSTS:
        jobs.start(f"hosts-{hosts}", MEMBER, hosts=hosts, checkpoints=f"hosts-{hosts}")
        done = jobs.finish(f"hosts-{hosts}")
        assert done.files, done.described.get("FailureReason", "")
        each = [float(seconds) for seconds in _CPU.findall(done.log)]
        sent = [(int(calls), int(count)) for calls, count in _SENT.findall(done.log)]
        alone, first = alone or sum(each), first or done.files["backtest.npz"]
        assert done.files["backtest.npz"] == first
        note = f"{hosts} hosts; one host {alone:.1f} s; the same bytes"
        record.add(f"CPU of the busiest of {hosts} hosts, one = 1", max(each), alone, "s", note)
        record.add(f"CPU of all {hosts} hosts, one = 1", sum(each), alone, "s", note)
        record.add(f"collective calls of one of {hosts} hosts", max((calls for calls, _ in sent), default=0), 1, "calls", note)
        record.add(f"bytes sent by one of {hosts} hosts", max((count for _, count in sent), default=0), 1, "bytes", note)


def _prepare(jobs: TrainJobs, folder: Path, record: Recorder) -> None:
    source = _source(folder / "source")
    alone, key = 0.0, b""
    for hosts in HOSTS:
        done = prepare(jobs, source, hosts, origins=4)
        each = [float(seconds) for seconds in _CPU.findall(done.log)]
        assert len(each) == hosts
        alone, key = alone or sum(each), key or done.files["key"]["key.json"]
        assert done.files["key"]["key.json"] == key
        note = f"Prepare, {REGIONS} regions x {PERIODS} months x {1 + COVARIATES} series; one host {alone:.1f} s; the same key"
        record.add(f"Prepare: CPU of the busiest of {hosts} hosts, one = 1", max(each), alone, "s", note)
        record.add(f"Prepare: CPU of all {hosts} hosts, one = 1", sum(each), alone, "s", note)


def _source(folder: Path) -> Path:
    """A made-up panel with covariates as an uploaded source."""
    whole = Panel.load(prepared(folder.with_name("whole"), regions=REGIONS, periods=PERIODS))
    draw = np.random.default_rng(5)
    names = [f"covariate{index}" for index in range(COVARIATES)]
    panel = replace(whole, covariates={name: np.round(draw.lognormal(5, 1, whole.price.shape), 2) for name in names})
    facts = replace(TexasSource().facts(), lags={}, national=())
    write_atomically(folder / TABLE_NAME, compressed_table(panel))
    write_atomically(folder / FACTS_NAME, json.dumps(facts.to_json()) + "\n")
    return folder


if __name__ == "__main__":
    main()
