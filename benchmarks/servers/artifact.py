"""An artifact of the bundled panel, made by the jobs themselves in this process."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

from housing import artifact
from housing.sources import open_source, write_source_folder
from training.contract import Container
from training.jobs.ensemble import ensemble
from training.jobs.ingest import ingest
from training.jobs.prepare import prepare
from training.jobs.train import train


def make_artifact(root: Path, members: str) -> Path:
    """Folder of a verified artifact of `members` (comma-separated); one scored origin keeps the backtest short."""
    first, second, third, fourth = (Container(root / name) for name in ("ingest", "prepare", "train", "ensemble"))
    write_source_folder(open_source("texas"), first.root / "processing" / "input" / "source")
    ingest(first)
    shutil.copytree(first.output("panel"), second.root / "processing" / "input" / "panel")
    prepare(second, ["--origins", "1"])
    shutil.copytree(second.output("prepared"), third.root / "input" / "data" / "panel")
    (third.root / "input" / "config").mkdir(parents=True)
    (third.root / "input" / "config" / "hyperparameters.json").write_text(json.dumps({"members": members, "seed": "7"}))
    train(third)
    inputs = fourth.root / "processing" / "input"
    (inputs / "train-all").mkdir(parents=True)
    with tarfile.open(inputs / "train-all" / "model.tar.gz", "w:gz") as tar:
        tar.add(third.model, arcname=".")
    shutil.copytree(second.output("prepared"), inputs / "panel")
    ensemble(fourth)
    artifact.unpack(fourth.output("model") / "model.tar.gz", root / "model")
    artifact.verify(root / "model")
    return root / "model"
