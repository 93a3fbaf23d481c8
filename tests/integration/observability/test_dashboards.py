"""A real Prometheus is asked what each dashboard asks: the server and the agent are real, the other exporters are stood in for."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.metrics import Metrics
from inference.gpu import _READINGS
from pipelines import prices
from pipelines.definition.metrics import NAMES
from tests.integration.inference.conftest import Server
from tests.integration.observability.test_prometheus import PROMETHEUS, ask, until
from training.metrics_log import metric_line

ROOT = Path(__file__).parents[3]
BOARDS = sorted((PROMETHEUS.parent / "grafana" / "dashboards").glob("*.json"))
EXPORTERS = ROOT / "tests" / "unit" / "observability" / "exporters.yaml"


@pytest.fixture
def exporters() -> Iterator[int]:
    """The port at which the series of exporters.yaml are exported, and those of a GPU, which is not there."""
    known = [series for exporter in yaml.safe_load(EXPORTERS.read_text()) for series in exporter["series"]]
    body = "".join(f"{line}\n" for line in [*known, *(f'{name}{{gpu="0"}} 0.5' for name in _READINGS)]).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not worth a line."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def training() -> Iterator[int]:
    """The port of an agent whose step has printed all that steps print."""
    metrics = Metrics()
    for name in NAMES:
        metrics.read(metric_line(name, 0.5), "xgboost")
    metrics.set("housing_training_restored_files", 2, step="xgboost")
    metrics.set("housing_training_kept_files", 3, step="xgboost")
    server = metrics.serve(0)
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def panels() -> Iterator[tuple[str, str, str]]:
    for path in BOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']} {target['refId']}", target["expr"], target["legendFormat"]


def rate_of_forecasts(server: Server) -> None:
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert server.forecast({"inputs": [{"item_id": "Town A"}]})[0] == 200
        server.forecast({"inputs": "not a list"})
        time.sleep(0.1)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus (Debian's package) is not installed: no dashboard was asked")
def test_every_panel_shows_something_under_a_name(
    server: Server, exporters: int, training: int, launch_prometheus: Callable[[Path], str], tmp_path: Path
) -> None:
    pods = {"namespace": "ml-jobs", "pod": "train-a-0"}  # what the operator adds to a target
    jobs = {"housing-server": (server.port, {}), "exporters": (exporters, {}), "housing-training": (training, pods)}
    scrapes = [
        {"job_name": name, "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}]}
        for name, (port, labels) in jobs.items()
    ]
    shutil.copytree(PROMETHEUS / "rules", tmp_path / "rules")
    often = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    made = {"global": often, "rule_files": ["rules/*.yml"], "scrape_configs": scrapes}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(made))
    server.wait_ready()
    address = launch_prometheus(tmp_path / "prometheus.yml")
    until(lambda: ask(address, "query", query="up == 1")["result"], "nothing is up")
    rate_of_forecasts(server)

    def shown(expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask(address, "query", query=expression)["result"]
        return found

    for label, expression, legend in panels():
        series = until(lambda expression=expression: shown(expression), f"{label} shows nothing: {expression}")  # type: ignore[misc]
        for name in re.findall(r"\{\{(\w+)\}\}", legend):
            assert all(name in item["metric"] for item in series), f"{label}: no label {name} in {series[0]['metric']}"
    boards = {label: expression for label, expression, _ in panels()}
    usd = prices.load().ec2_usd_per_hour("g5.xlarge") + prices.load().ec2_spot_usd_per_hour("g5.2xlarge")
    assert float(shown(boards["cost: Nodes, USD an hour A"])[0]["value"][1]) == pytest.approx(usd, rel=1e-3)
    assert {item["value"][1] for item in shown('housing:errors:ratio_5m{job="housing-server"}')} == {"0"}
    firing = [item["metric"]["alertname"] for item in shown('ALERTS{alertstate="firing"}')]
    assert firing == []
