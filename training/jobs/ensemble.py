"""Ensemble: the members' backtests become weights, calibration and the drawdown head; all of it becomes the artifact."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from housing import artifact
from housing.backtest import Backtest, merge
from housing.crisis import DrawdownHead, walk_forward
from housing.ensemble import Ensemble
from housing.errors import DataError
from housing.features.market import Market
from housing.forecaster import write_forecast
from housing.labels import DrawdownDefinition
from housing.members import load_member
from housing.panel import Floats, Panel
from housing.sources.folder import FACTS_NAME
from housing.study import with_ensemble
from training.contract import Container
from training.entry import run_job
from training.facts import read_source_facts
from training.log import say
from training.plan import Plan

ARCHIVE = "model.tar.gz"


def ensemble(container: Container) -> None:
    """`input/panel/` and `input/train-NAME/model.tar.gz` to `output/model/model.tar.gz` and `output/backtest/backtest.npz`."""
    source = container.input("panel")
    panel, plan, definition = Panel.load(source), Plan.load(source), read_source_facts(source).drawdown
    with tempfile.TemporaryDirectory() as temporary:
        trained = [_unpack(folder, Path(temporary) / "trained" / folder.name) for folder in container.inputs("train-")]
        backtest = merge([Backtest.load(folder / "backtest.npz") for folder in trained])
        _report(panel, plan, backtest, definition).save(container.output("backtest") / "backtest.npz")
        folder = Path(temporary) / "model"
        _write_model(folder, trained, panel, backtest, definition)
        shutil.copyfile(source / FACTS_NAME, folder / FACTS_NAME)
        manifest = artifact.seal(folder, str(panel.dates[-1]))
        artifact.pack(folder, container.output("model") / ARCHIVE)
    say(f"model {manifest.model_version}: {', '.join(sorted(backtest.values))}; {len(manifest.files)} files")


def _unpack(folder: Path, target: Path) -> Path:
    archive = folder / ARCHIVE
    if not archive.is_file():
        raise DataError(f"input {folder.name}: no {ARCHIVE}; connect the model artifact of its Train step")
    artifact.unpack(archive, target)
    return target


def _report(panel: Panel, plan: Plan, backtest: Backtest, definition: DrawdownDefinition) -> Backtest:
    """The scored origins with the walk-forward ensemble and drawdown probabilities beside the members."""
    scored = with_ensemble(panel, backtest, plan.scored_columns(panel))
    return replace(scored, drawdown=walk_forward(panel, definition, backtest, scored.origins))


def _write_model(folder: Path, trained: Sequence[Path], panel: Panel, backtest: Backtest, definition: DrawdownDefinition) -> None:
    known = panel.until(len(panel.dates) - 1)
    for part in trained:
        shutil.copytree(part / "members", folder / "members", dirs_exist_ok=True)
    panel.save(folder)
    combined = Ensemble().fit(known, backtest)
    combined.save(folder)
    write_forecast(folder, _forecast(folder, known, combined, sorted(backtest.values)))
    try:
        DrawdownHead().fit(known, definition, backtest).save(folder)
    except DataError as error:
        say(f"note: no drawdown probability, the history is too short to learn one ({error})")


def _forecast(folder: Path, known: Panel, combined: Ensemble, members: Sequence[str]) -> Floats:
    market = Market.of(known)
    loaded = {name: load_member(name, folder / "members" / name) for name in members}
    values = {name: member.predict(known, combined.horizon, market) for name, member in loaded.items()}
    return np.asarray(combined.combine(values, known), dtype=np.float64)


if __name__ == "__main__":
    sys.exit(run_job(ensemble, "processing"))
