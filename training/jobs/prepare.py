"""Prepare: hold the panel against the quality gate, plan the backtest, write the batch requests and the content key."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from housing.atomic import write_atomically
from housing.errors import SettingsError
from housing.forecast import HORIZON_MONTHS, QUANTILES
from housing.panel import ARRAYS_NAME, Panel
from housing.panel import FACTS_NAME as PANEL_FACTS_NAME
from housing.quality import Whole, check_quality
from housing.shards import Shards
from housing.sources.folder import FACTS_NAME
from training.arguments import positive_integers
from training.cluster import Hosts
from training.content_key import content_key, prepared_hashes
from training.contract import Container
from training.entry import run_job
from training.log import say
from training.plan import Plan

DEFAULT_ORIGINS = 8


def prepare(container: Container, argv: Sequence[str] = ()) -> None:
    """`input/panel/` to `output/prepared/` (panel, plan, quality), `output/requests/` and `output/key/`.

    Of a panel in shards a host prepares those that lie in its `input/shards/`, each to files with the shard's number; what concerns
    the whole panel, the first host writes.
    """
    arguments = positive_integers(argv, horizon=None, origins=DEFAULT_ORIGINS)
    source, hosts = container.input("panel"), Hosts.read(container.processing_resource_file)
    shards = Shards.read(source)
    if shards is None and hosts.count > 1:
        raise SettingsError(f"hosts: {hosts.count} for a panel in one piece; run Ingest with --shards {hosts.count}")
    panel = shards.calendar if shards else Panel.load(source)
    horizon = arguments["horizon"] or max(1, HORIZON_MONTHS // panel.months_per_period)
    if shards:
        for file, part in shards.load(container.dealt_input("shards")):
            number = file.stem.removeprefix("panel")
            _prepare_regions(container, part, horizon, number, shards.whole)
            shutil.copyfile(file, container.output("prepared") / file.name)
    else:
        _prepare_regions(container, panel, horizon)
        shutil.copyfile(source / ARRAYS_NAME, container.output("prepared") / ARRAYS_NAME)
    if hosts.leads:
        plan = Plan.make(panel, horizon, arguments["origins"] or DEFAULT_ORIGINS)
        _prepare_whole(container, source, plan, shards.digest if shards else panel.digest())
    say(f"{time.process_time():.2f} CPU seconds")


def _prepare_regions(container: Container, panel: Panel, horizon: int, number: str = "", whole: Whole | None = None) -> None:
    """The gate and the request lines of some regions, or of all; DataError when one is unfit."""
    quality = check_quality(panel, horizon, whole)
    quality.require()
    findings = json.dumps(quality.to_json(), indent=1) + "\n"
    write_atomically(container.output("prepared") / f"quality{number}.json", findings)
    write_atomically(container.output("requests") / f"requests{number}.jsonl", "".join(request_lines(panel, horizon)))
    for finding in quality.findings:
        say(f"note: {finding.text}")
    say(f"{len(panel.regions)} regions are fit to forecast from")


def _prepare_whole(container: Container, source: Path, plan: Plan, digest: str) -> None:
    """The plan, the facts of panel and source, and the content key over all of it."""
    prepared = container.output("prepared")
    for name in (PANEL_FACTS_NAME, FACTS_NAME):
        shutil.copyfile(source / name, prepared / name)
    plan.save(prepared)
    key = content_key(prepared_hashes(prepared, digest), {})
    write_atomically(container.output("key") / "key.json", json.dumps({"content_key": key}) + "\n")
    say(f"{len(plan.origins)} origins from {plan.origins[0]} to {plan.origins[-1]}, {len(plan.scored)} of them scored; content key {key}")


def request_lines(panel: Panel, horizon: int) -> Iterator[str]:
    """One contract request per region that has a price, one line each."""
    parameters = {"prediction_length": horizon, "quantile_levels": list(QUANTILES)}
    for region in panel.regions:
        yield json.dumps({"id": region, "inputs": [{"item_id": region}], "parameters": parameters}) + "\n"


if __name__ == "__main__":
    sys.exit(run_job(lambda container: prepare(container, sys.argv[1:]), "processing"))
