"""Train: fit members on the whole panel, and backtest them from each planned origin."""

from __future__ import annotations

import json
import sys
import time
from functools import partial

import numpy as np

from housing.atomic import write_atomically
from housing.backtest import Backtest, run_backtest
from housing.members import make_member
from housing.panel import Panel
from training.checkpoint import Arrays, Checkpoints, interval_seconds
from training.choice import Choice
from training.content_key import content_key, prepared_hashes
from training.contract import Container
from training.deal import dealt
from training.entry import run_job
from training.exchange import gather_backtest, gather_files
from training.interrupt import Interrupted
from training.log import say
from training.metrics_log import CHECKPOINT_SHARE, COVERAGE80, FIT_SECONDS, SCALED_QUANTILE_LOSS, metric_line
from training.plan import Plan
from training.report import Report
from training.resumable import Resumable, packed
from training.scores import validation_scores
from training.team import Team, teamed


def train(container: Container) -> None:
    """Channel `panel` to `model/members/MEMBER/`, `model/backtest.npz` and `model/training.json`."""
    channel = container.channel("panel")
    choice = Choice.read(container.hyperparameters())
    panel, plan = Panel.load(channel), Plan.load(channel)
    facts = {"members": list(choice.members), "seed": choice.seed, "settings": choice.settings}
    shared = {"distribute": choice.distribute} if choice.distribute == "rows" else {}
    key = content_key(prepared_hashes(channel, panel.digest()), {**facts, **shared})
    started = time.monotonic()
    with teamed(container, choice) as team:
        checkpoints = Checkpoints(container.checkpoints, key, interval_seconds=interval_seconds(), writes=team.keeps)
        try:
            backtest, files = _work(choice, Resumable(panel, plan, checkpoints, team.label), team)
        except Interrupted:
            checkpoints.flush()
            raise
    share = checkpoints.cpu_seconds / time.process_time()
    seconds = metric_line(FIT_SECONDS, time.monotonic() - started)
    say(f"{seconds} {metric_line(CHECKPOINT_SHARE, share)} {time.process_time():.2f} CPU seconds")
    if not team.leads:
        return
    for name, contents in files.items():
        for file, content in contents.items():
            write_atomically(container.model / "members" / name / file, content.tobytes())
    backtest.save(container.model / "backtest.npz")
    loss, coverage = validation_scores(panel, backtest, plan)
    say(f"{metric_line(SCALED_QUANTILE_LOSS, loss)} {metric_line(COVERAGE80, coverage)}")
    write_atomically(container.model / "training.json", json.dumps({**facts, "content_key": key}, indent=1, sort_keys=True) + "\n")


def _work(choice: Choice, resumable: Resumable, team: Team) -> tuple[Backtest, dict[str, Arrays]]:
    """The whole backtest, and the files of every member as fitted on the whole panel: this host's part, joined with the others'."""
    panel, plan = resumable.panel, resumable.plan
    if team.shares_rows:
        return _backtest(plan.columns(panel), choice, resumable), {name: _fit(name, choice, resumable) for name in choice.members}
    columns, last = dealt(panel, plan, choice.members, team.hosts)
    mine = _backtest(columns, choice, resumable) if columns else None
    files = {name: _fit(name, choice, resumable) for name in last}
    nothing = Backtest(panel.regions, np.empty(0, dtype=np.int64), plan.horizon, {})
    if team.hosts.count > 1:
        resumable.flush()
    with team.joined() as collective:
        gathered = gather_backtest(mine, nothing, collective), gather_files(files, collective)
        if team.hosts.count > 1:
            collective.finish()
    return gathered


def _backtest(columns: list[int], choice: Choice, resumable: Resumable) -> Backtest:
    report = Report(resumable.panel, resumable.plan)
    completed = resumable.finished_origins(columns)
    if completed is not None:
        report.finished(completed)

    def finish(origin: Backtest) -> None:
        resumable.keep_origin(origin)
        report.finished(origin)

    return run_backtest(
        resumable.panel,
        choice.members,
        columns,
        resumable.plan.horizon,
        seed=choice.seed,
        settings=choice.settings,
        on_progress=report.progress,
        completed=completed,
        on_origin=finish,
        fit=resumable.fit,
    )


def _fit(name: str, choice: Choice, resumable: Resumable) -> Arrays:
    panel, last = resumable.panel, len(resumable.panel.dates) - 1
    fresh = make_member(name, choice.seed, **choice.settings[name])
    files = packed(resumable.fit(name, last, partial(fresh.fit, panel.until(last), resumable.plan.horizon)))
    say(f"{name}: fitted on {len(panel.regions)} regions up to {panel.dates[-1]}")
    return files


if __name__ == "__main__":
    sys.exit(run_job(train, "training"))
