"""Train: fit members on the whole panel, and backtest them from each planned origin."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from housing.atomic import write_atomically
from housing.backtest import Backtest, Progress, run_backtest
from housing.errors import SettingsError
from housing.members import make_member, member_class
from housing.panel import Panel
from training.checkpoint import Arrays, Checkpoints
from training.content_key import content_key, file_hashes
from training.contract import Container
from training.entry import run_job
from training.log import say
from training.metrics_log import COVERAGE80, FIT_SECONDS, SCALED_QUANTILE_LOSS, metric_line
from training.plan import Plan
from training.scores import validation_scores

UNIT = "backtest"


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
    started = time.monotonic()
    backtest = _backtest(panel, plan, choice, Checkpoints(container.checkpoints, key))
    for name in choice.members:
        _fit(panel, plan.horizon, name, choice, container.model / "members" / name)
    backtest.save(container.model / "backtest.npz")
    loss, coverage = validation_scores(panel, backtest, plan)
    say(metric_line(SCALED_QUANTILE_LOSS, loss))
    say(metric_line(COVERAGE80, coverage))
    seconds = time.monotonic() - started
    say(metric_line(FIT_SECONDS, seconds))
    facts = {"members": list(choice.members), "seed": choice.seed, "settings": choice.settings, "content_key": key}
    write_atomically(container.model / "training.json", json.dumps(facts, indent=1, sort_keys=True) + "\n")


def _backtest(panel: Panel, plan: Plan, choice: Choice, checkpoints: Checkpoints) -> Backtest:
    saved = checkpoints.latest(UNIT)
    completed = None if saved is None else _restore(panel, plan, saved.arrays)
    if completed is not None:
        say(f"resumed: {len(completed.origins)} of {len(plan.origins)} origins are finished")

    def report(progress: Progress) -> None:
        say(f"{progress.done}/{progress.total} {progress.member} from {panel.dates[progress.origin]}")

    return run_backtest(
        panel,
        choice.members,
        plan.columns(panel),
        plan.horizon,
        seed=choice.seed,
        settings=choice.settings,
        on_progress=report,
        completed=completed,
        on_origin=lambda finished: checkpoints.save(UNIT, _arrays(finished), step=len(finished.origins)),
    )


def _arrays(backtest: Backtest) -> Arrays:
    return {"origins": backtest.origins, **{f"values.{name}": values for name, values in backtest.values.items()}}


def _restore(panel: Panel, plan: Plan, arrays: Arrays) -> Backtest:
    values = {name.removeprefix("values."): array.astype(np.float32) for name, array in arrays.items() if name.startswith("values.")}
    return Backtest(panel.regions, arrays["origins"].astype(np.int64), plan.horizon, values)


def _fit(panel: Panel, horizon: int, name: str, choice: Choice, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    member = make_member(name, choice.seed, **choice.settings[name]).fit(panel.until(len(panel.dates) - 1), horizon)
    member.save(folder)
    say(f"{name}: fitted on {len(panel.regions)} regions up to {panel.dates[-1]}")


def _value(text: str) -> object:
    """A hyperparameter's text as the JSON value it spells, else as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(run_job(train, "training"))
