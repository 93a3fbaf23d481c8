"""Train: fit members on the whole panel, and backtest them from each planned origin."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from housing.atomic import write_atomically
from housing.backtest import Backtest, run_backtest
from housing.errors import SettingsError
from housing.members import make_member, member_class
from housing.panel import Panel
from training.checkpoint import Checkpoints, interval_seconds
from training.content_key import content_key, file_hashes
from training.contract import Container
from training.entry import run_job
from training.interrupt import Interrupted
from training.log import say
from training.metrics_log import CHECKPOINT_SHARE, COVERAGE80, FIT_SECONDS, SCALED_QUANTILE_LOSS, metric_line
from training.plan import Plan
from training.report import Report
from training.resumable import Resumable
from training.scores import validation_scores


@dataclass(frozen=True)
class Choice:
    """Which members are trained, with what seed and hyperparameters."""

    members: tuple[str, ...]
    seed: int
    settings: Mapping[str, Mapping[str, object]]

    @classmethod
    def read(cls, hyperparameters: Mapping[str, str]) -> Choice:
        """From hyperparameters `members`, `seed` and the members' own: `NAME` for the only member, else `MEMBER.NAME`.

        Errors: SettingsError names the hyperparameter.
        """
        members = tuple(name.strip() for name in hyperparameters.get("members", "").split(",") if name.strip())
        if not members or len(set(members)) != len(members):
            raise SettingsError("hyperparameter members: give the names of one or more members, separated by commas, each once")
        for name in members:
            member_class(name)
        try:
            seed = int(hyperparameters.get("seed", "0"))
        except ValueError as error:
            raise SettingsError(f"hyperparameter seed: {hyperparameters['seed']!r} is not a whole number") from error
        settings: dict[str, dict[str, object]] = {name: {} for name in members}
        for name in sorted(hyperparameters.keys() - {"members", "seed"}):
            member, _, own = name.rpartition(".")
            if (member or members[0]) not in settings or (not member and len(members) > 1):
                raise SettingsError(f"hyperparameter {name}: write it as MEMBER.NAME with a member of {', '.join(members)}")
            settings[member or members[0]][own] = _value(hyperparameters[name])
        return cls(members, seed, settings)


def train(container: Container) -> None:
    """Channel `panel` to `model/members/MEMBER/`, `model/backtest.npz` and `model/training.json`."""
    channel = container.channel("panel")
    choice = Choice.read(container.hyperparameters())
    panel, plan = Panel.load(channel), Plan.load(channel)
    key = content_key(file_hashes(channel), {"members": list(choice.members), "seed": choice.seed, "settings": choice.settings})
    started, cpu = time.monotonic(), time.process_time()
    checkpoints = Checkpoints(container.checkpoints, key, interval_seconds=interval_seconds())
    try:
        resumable = Resumable(panel, plan, checkpoints)
        backtest = _backtest(panel, plan, choice, resumable)
        for name in choice.members:
            _fit(name, choice, resumable, container.model / "members" / name)
    except Interrupted:
        checkpoints.flush()
        raise
    backtest.save(container.model / "backtest.npz")
    loss, coverage = validation_scores(panel, backtest, plan)
    say(f"{metric_line(SCALED_QUANTILE_LOSS, loss)} {metric_line(COVERAGE80, coverage)}")
    share = checkpoints.cpu_seconds / max(time.process_time() - cpu, 1e-9)
    say(f"{metric_line(FIT_SECONDS, time.monotonic() - started)} {metric_line(CHECKPOINT_SHARE, share)}")
    facts = {"members": list(choice.members), "seed": choice.seed, "settings": choice.settings, "content_key": key}
    write_atomically(container.model / "training.json", json.dumps(facts, indent=1, sort_keys=True) + "\n")


def _backtest(panel: Panel, plan: Plan, choice: Choice, resumable: Resumable) -> Backtest:
    report = Report(panel, plan)
    completed = resumable.finished_origins()
    if completed is not None:
        report.finished(completed)

    def finish(origin: Backtest) -> None:
        resumable.keep_origin(origin)
        report.finished(origin)

    return run_backtest(
        panel,
        choice.members,
        plan.columns(panel),
        plan.horizon,
        seed=choice.seed,
        settings=choice.settings,
        on_progress=report.progress,
        completed=completed,
        on_origin=finish,
        fit=resumable.fit,
    )


def _fit(name: str, choice: Choice, resumable: Resumable, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    panel, last = resumable.panel, len(resumable.panel.dates) - 1
    fresh = make_member(name, choice.seed, **choice.settings[name])
    resumable.fit(name, last, partial(fresh.fit, panel.until(last), resumable.plan.horizon)).save(folder)
    say(f"{name}: fitted on {len(panel.regions)} regions up to {panel.dates[-1]}")


def _value(text: str) -> object:
    """A hyperparameter's text as the JSON value it spells, else as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(run_job(train, "training"))
