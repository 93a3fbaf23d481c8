"""Debian's own Prometheus scrapes the real server, with the configuration and the rules that are shipped."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.inference.conftest import Server, free_port

PROMETHEUS = Path(__file__).parents[3] / "deploy" / "observability" / "prometheus"
LIMIT_SECONDS = 60


def ask(address: str, path: str, **query: str) -> Any:
    with urllib.request.urlopen(f"{address}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=5) as answer:
        return json.loads(answer.read())["data"]


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true answer; an address that does not answer yet is asked again."""
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {LIMIT_SECONDS} s")


def relabelings() -> list[dict[str, Any]]:
    """Those of the servers' ServiceMonitor, in Prometheus' own spelling."""
    monitor = yaml.safe_load((PROMETHEUS.parents[1] / "eks/base/inference/monitor.yaml").read_text())
    spelled = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    return [{spelled.get(name, name): value for name, value in rule.items()} for rule in monitor["spec"]["endpoints"][0]["relabelings"]]


@pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus (Debian's package) is not installed: nothing has scraped the server"
)
def test_prometheus_reads_the_server_and_evaluates_the_rules(
    server: Server, launch_prometheus: Callable[[Path], str], tmp_path: Path
) -> None:
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    targets = {"Running": server.port, "Pending": free_port()}
    configuration["scrape_configs"][0] |= {"job_name": "any", "relabel_configs": relabelings()}
    configuration["scrape_configs"][0]["static_configs"] = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"__meta_kubernetes_pod_phase": phase}} for phase, port in targets.items()
    ]
    configuration["scrape_configs"] = configuration["scrape_configs"][:1]
    shutil.copytree(PROMETHEUS / "rules", tmp_path / "rules")
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    server.wait_ready()
    address = launch_prometheus(tmp_path / "prometheus.yml")

    def value(expression: str) -> float | None:
        found = ask(address, "query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None

    until(lambda: value('up{job="housing-server"}') == 1, "the server is not up")
    assert value("count(up)") == 1, "a pod that is not there yet counts as a server that is down"
    before = time.monotonic()
    while time.monotonic() < before + 3:
        assert server.forecast({"inputs": [{"item_id": "Town A"}]})[0] == 200
        time.sleep(0.05)
    p95 = until(lambda: value('housing:request_seconds:p95_5m{job="housing-server"}'), "p95 was not recorded")
    assert 0 < p95 < 5
    assert value("count(housing_model_info)") == 1
    assert value("time() - max(housing_model_newest_data_timestamp_seconds)") > 0
    loaded = {rule["name"]: rule for group in ask(address, "rules")["groups"] for rule in group["rules"]}
    assert loaded["ForecastServerDown"]["state"] == "inactive"
    assert {rule["health"] for rule in loaded.values()} <= {"ok", "unknown"}
    server.stop()
    until(lambda: value('ALERTS{alertname="ForecastServerDown",alertstate="pending"}'), "a server that is gone alarms nobody")
