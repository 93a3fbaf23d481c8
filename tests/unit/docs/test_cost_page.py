"""docs/cost.md says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines import prices, profile
from pipelines.cost.lines import by_component
from pipelines.cost.month import estimate_month
from pipelines.settings import Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cost.md").read_text()
GOLDEN = (ROOT / "tests" / "golden" / "pipeline.json").read_text()
ROWS = {"endpoint": "endpoint", "CPU tier": "cpu tier", "training": "training", "batch forecasts": "batch", "front door": "front door"}
ROWS |= {"storage": "storage", "monitoring": "monitoring"}


def row(name: str) -> list[float]:
    found = re.search(rf"^\| {re.escape(name)} \| ([\d.,* ]+) \| ([\d.,* ]+) \| ([\d.,* ]+) \|$", PAGE, re.MULTILINE)
    assert found, name
    return [float(text.replace(",", "").replace("*", "")) for text in found.groups()]


def test_the_table_of_the_months_is_that_of_the_code() -> None:
    estimates = [estimate_month(GOLDEN, Settings(profile=name)) for name in profile.NAMES]
    assert row("**total**") == pytest.approx([estimate.usd for estimate in estimates], abs=0.006)
    for shown, component in ROWS.items():
        assert row(shown) == pytest.approx([by_component(one.lines).get(component, 0.0) for one in estimates], abs=0.006), shown


def test_the_table_of_the_machines_is_that_of_the_prices() -> None:
    table = prices.load()
    for name, *facts in re.findall(r"^\| (g5\.\w+) \|.*\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE):
        machine = [table.ec2_usd_per_hour(name), table.sagemaker_usd_per_hour(name)]
        spot = [table.ec2_spot_usd_per_hour(name), table.spot_training_usd_per_hour(name)]
        assert [float(fact) for fact in facts] == pytest.approx([*machine, *spot], abs=0.0006)
