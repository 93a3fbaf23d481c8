"""Prepare: hold the panel against the quality gate, plan the backtest, write the batch requests and the content key."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence

from housing.atomic import write_atomically
from housing.forecast import HORIZON_MONTHS, QUANTILES
from housing.panel import Panel
from housing.quality import check_quality
from housing.sources.folder import FACTS_NAME
from training.arguments import positive_integers
from training.content_key import content_key, file_hashes
from training.contract import Container
from training.entry import run_job
from training.log import say
from training.plan import Plan

DEFAULT_ORIGINS = 8


def prepare(container: Container, argv: Sequence[str] = ()) -> None:
    """`input/panel/` to `output/prepared/` (panel, plan, quality), `output/requests/` and `output/key/`."""
    arguments = positive_integers(argv, horizon=None, origins=DEFAULT_ORIGINS)
    source = container.input("panel")
    panel = Panel.load(source)
    horizon = arguments["horizon"] or max(1, HORIZON_MONTHS // panel.months_per_period)
    quality = check_quality(panel, horizon)
    quality.require()
    plan = Plan.make(panel, horizon, arguments["origins"] or DEFAULT_ORIGINS)
    prepared = container.output("prepared")
    panel.save(prepared)
    shutil.copyfile(source / FACTS_NAME, prepared / FACTS_NAME)
    plan.save(prepared)
    write_atomically(prepared / "quality.json", json.dumps(quality.to_json(), indent=1) + "\n")
    key = content_key(file_hashes(prepared), {})
    write_atomically(container.output("requests") / "requests.jsonl", "".join(request_lines(panel, horizon)))
    write_atomically(container.output("key") / "key.json", json.dumps({"content_key": key}) + "\n")
    for finding in quality.findings:
        say(f"note: {finding.text}")
    say(f"{len(plan.origins)} origins from {plan.origins[0]} to {plan.origins[-1]}, {len(plan.scored)} of them scored; content key {key}")


def request_lines(panel: Panel, horizon: int) -> Iterator[str]:
    """One contract request per region that has a price, one line each."""
    parameters = {"prediction_length": horizon, "quantile_levels": list(QUANTILES)}
    for region in panel.regions:
        yield json.dumps({"id": region, "inputs": [{"item_id": region}], "parameters": parameters}) + "\n"


if __name__ == "__main__":
    sys.exit(run_job(lambda container: prepare(container, sys.argv[1:]), "processing"))
