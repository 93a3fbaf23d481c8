"""The dashboards as Grafana takes them: where the panels lie, in which unit they count, from which source; and what nodes they price."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "deploy" / "observability" / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
UNITS = {"short", "s", "reqps", "percent", "percentunit", "bytes", "celsius", "watt", "hertz", "currencyUSD"}
"""Of Grafana's own identifiers (packages/grafana-data/src/valueFormats/categories.ts) those in use."""


def board(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text())
    return read


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_have_ids_of_their_own_and_lie_beside_each_other(path: Path) -> None:
    panels = board(path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {(place["x"] + across, place["y"] + down) for across in range(place["w"]) for down in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_ask_the_source_that_is_chosen_and_count_in_units_that_grafana_has(path: Path) -> None:
    read = board(path)
    choice = [(item["name"], item["type"], item["query"]) for item in read["templating"]["list"]]
    assert choice == [("datasource", "datasource", "prometheus")], "none is named: whatever a Grafana calls its Prometheus"
    for panel in read["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["options"], "a panel without options is left to each Grafana's own"


def test_a_dashboard_is_found_again_by_its_name() -> None:
    assert {path.stem: board(path)["uid"] for path in BOARDS} == {path.stem: f"housing-{path.stem}" for path in BOARDS}


def test_the_cost_dashboard_has_a_price_for_every_node_that_may_start() -> None:
    started: dict[str, set[str]] = {}
    for path in (ROOT / "deploy/eks/base/nodes").glob("*.yaml"):
        for pool in yaml.safe_load_all(path.read_text()):
            if pool.get("kind") != "NodePool":
                continue
            asked = {item["key"]: item["values"] for item in pool["spec"]["template"]["spec"]["requirements"]}
            for machine in asked["node.kubernetes.io/instance-type"]:
                started.setdefault(machine, set()).update(asked["karpenter.sh/capacity-type"])
    priced = runpy.run_path(str(GRAFANA / "generate.py"))["POOLS"]
    assert {machine: set(markets) for machine, markets in priced.items()} == started
