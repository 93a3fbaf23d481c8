"""Ingest: the uploaded table becomes a panel."""

from __future__ import annotations

import shutil
import sys

from housing.sources.folder import FACTS_NAME, read_source_folder
from training.contract import Container
from training.entry import run_job
from training.log import say


def ingest(container: Container) -> None:
    """`input/source/` (panel.csv.gz, source.json) to `output/panel/` (panel.npz, panel.json, source.json)."""
    source, output = container.input("source"), container.output("panel")
    panel, facts = read_source_folder(source)
    panel.save(output)
    shutil.copyfile(source / FACTS_NAME, output / FACTS_NAME)
    say(f"{facts.title or facts.name}: {len(panel.regions)} regions, {len(panel.dates)} periods, {panel.dates[0]} to {panel.dates[-1]}")


if __name__ == "__main__":
    sys.exit(run_job(ingest, "processing"))
