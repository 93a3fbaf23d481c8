"""Ingest: the uploaded table becomes a panel."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from housing.shards import write_shards
from housing.sources.folder import FACTS_NAME, read_source_folder
from training.arguments import positive_integers
from training.contract import Container
from training.entry import run_job
from training.log import say


def ingest(container: Container, argv: Sequence[str] = ()) -> None:
    """`input/source/` (panel.csv.gz, source.json) to `output/panel/` (panel.npz, panel.json, source.json).

    With `--shards N`, N above 1, the arrays go to `output/shards/` in N files, and `output/panel/` has shards.json for panel.npz.
    """
    shards = positive_integers(argv, shards=1)["shards"] or 1
    source, output = container.input("source"), container.output("panel")
    panel, facts = read_source_folder(source)
    if shards > 1:
        write_shards(panel, shards, output, container.output("shards"))
    else:
        panel.save(output)
    shutil.copyfile(source / FACTS_NAME, output / FACTS_NAME)
    say(f"{facts.title or facts.name}: {len(panel.regions)} regions, {len(panel.dates)} periods, {panel.dates[0]} to {panel.dates[-1]}")


if __name__ == "__main__":
    sys.exit(run_job(lambda container: ingest(container, sys.argv[1:]), "processing"))
