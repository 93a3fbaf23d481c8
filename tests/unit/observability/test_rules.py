"""Rules and dashboards: they parse, they are tested, and every metric they name is exported by something of ours."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from agent.metrics import _HELP
from inference.gpu import _READINGS
from inference.telemetry import Telemetry
from pipelines.definition.metrics import NAMES
from pipelines.eks.catalogue import rules as rules_on_eks

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "observability"
PROMETHEUS = FOLDER / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))

ELSEWHERE = {
    series.partition("{")[0]
    for exporter in yaml.safe_load((Path(__file__).parent / "exporters.yaml").read_text())
    for series in exporter["series"]
}
"""Metrics of well-known exporters, as their own documentation names them."""

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian's prometheus) is not installed: rules were not checked"
)


def groups() -> list[dict[str, Any]]:
    return [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"]]


def shown() -> dict[str, str]:
    """Every expression of every dashboard, by a label."""
    boards = {path.name: json.loads(path.read_text()) for path in DASHBOARDS}
    return {
        f"{name}: {panel['title']} {target['refId']}": target["expr"]
        for name, board in boards.items()
        for panel in board["panels"]
        for target in panel["targets"]
    }


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False, timeout=60)


@needs_promtool
def test_configuration_and_rules_are_valid_and_their_own_tests_pass() -> None:
    for words in (("check", "config", PROMETHEUS / "prometheus.yml"), ("check", "rules", *RULES)):
        done = promtool(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("test", "rules", *sorted((PROMETHEUS / "tests").glob("*.yml")))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("service.yml", "housing:request_seconds:p95_5m > 0.1", "housing:request_seconds:p95_5m > 100"),  # milliseconds, taken for seconds
        ("service.yml", 'status=~"5.."', 'status=~"[45].."'),
        ("service.yml", "> 120 * 86400", "> 120 * 3600"),
        ("cluster.yml", "> 0.92", "> 92"),
        ("cluster.yml", 'message_type="spot_interrupted"', 'message_type=~".+"'),
        ("cluster.yml", "DCGM_FI_DEV_XID_ERRORS == 48", "DCGM_FI_DEV_XID_ERRORS > 0"),
        ("cluster.yml", "for: 30m", "for: 1m"),
        ("cluster.yml", "(housing_training_restored_files) > 0", "(housing_training_restored_files) > 100"),
    ],
)
def test_a_planted_fault_of_a_rule_fails_its_test(tmp_path: Path, file: str, right: str, wrong: str) -> None:
    shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    planted = tmp_path / "prometheus" / "rules" / file
    assert right in planted.read_text()
    planted.write_text(planted.read_text().replace(right, wrong))
    assert promtool("test", "rules", tmp_path / "prometheus" / "tests" / file).returncode == 1


@needs_promtool
def test_every_expression_of_a_dashboard_parses(tmp_path: Path) -> None:
    listed = [{"record": f"shown:{number}", "expr": expression} for number, expression in enumerate(shown().values())]
    (tmp_path / "shown.yml").write_text(json.dumps({"groups": [{"name": "shown", "rules": listed}]}))
    done = promtool("check", "rules", tmp_path / "shown.yml")
    assert done.returncode == 0, done.stderr
    (tmp_path / "shown.yml").write_text(json.dumps({"groups": [{"name": "shown", "rules": [{"record": "x", "expr": "rat(up[5m])"}]}]}))
    assert promtool("check", "rules", tmp_path / "shown.yml").returncode == 1


def test_every_alarm_is_tested_to_go_off_and_to_be_silent() -> None:
    cases = [
        case
        for path in (PROMETHEUS / "tests").glob("*.yml")
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    loud = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    alarms = {rule["alert"] for rule in rules() if "alert" in rule}
    assert loud == alarms
    assert alarms - silent <= {"ForecastQueueWait"}, "a healthy service is missing from its test"


def exported() -> set[str]:
    """The names of all samples that the server, the agent, the exporters and Prometheus itself may give."""
    telemetry = Telemetry()
    registry: CollectorRegistry = telemetry.registry
    telemetry.finished("/invocations", 200, telemetry.started())
    telemetry.finished("/invocations", 503, telemetry.started(), "overloaded")
    telemetry.member("naive", 0.1)
    telemetry.batch(SimpleNamespace(rows=1, predict_seconds=0.1, wait_seconds=0.1))  # type: ignore[arg-type]
    names = {sample.name for family in registry.collect() for sample in family.samples} | {"housing_model_info"}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return names | set(_READINGS) | set(_HELP) | recorded | ELSEWHERE | {"up"}


def named(expression: str) -> set[str]:
    """The metrics of an expression: names that are neither functions, nor labels, nor words of PromQL."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)|\"[^\"]*\"", " ", expression)
    found = set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()\b(?!\s*\()", bare))
    return {name for name in found if name not in {"and", "or", "unless", "bool", "offset"} and not re.fullmatch(r"e\d+", name)}


def test_dcgm_is_asked_for_every_counter_and_for_no_other() -> None:
    counters = re.findall(r"^ +(DCGM_\w+),", (ROOT / "deploy/eks/base/gpu/dcgm-exporter.yaml").read_text(), re.MULTILINE)
    assert set(counters) == {name for name in ELSEWHERE if name.startswith("DCGM_")}


def test_metrics_are_found_in_expressions() -> None:
    text = 'sum by (job, le) (rate(a_b_bucket{x="y"}[5m])) / on (pod) c:d_5m and time() - max(e) > 1e6'
    assert named(text) == {"a_b_bucket", "c:d_5m", "e"}


def test_every_metric_of_a_rule_is_exported() -> None:
    known = exported()
    for rule in rules():
        assert named(rule["expr"]) <= known, rule


def test_every_metric_of_a_dashboard_is_exported() -> None:
    known = exported()
    for label, expression in shown().items():
        assert named(expression) <= known, label


def test_every_number_that_a_training_prints_has_its_picture() -> None:
    pictures = " ".join(shown().values())
    assert [name for name in NAMES if f'name="{name}"' not in pictures] == []


def test_the_dashboards_are_what_their_code_makes() -> None:
    made = dict(runpy.run_path(str(FOLDER / "grafana" / "generate.py"))["dashboards"]())
    assert set(made) == {path.name for path in DASHBOARDS}
    for path in DASHBOARDS:
        assert path.read_text() == made[path.name], "make them again with `python deploy/observability/grafana/generate.py`"


def test_the_rules_on_eks_are_the_same_rules() -> None:
    assert (PROMETHEUS / "rules-on-eks.yaml").read_text() == rules_on_eks()


def test_every_alarm_says_which_page_to_read() -> None:
    for rule in rules():
        if "alert" in rule:
            page, _, anchor = rule["annotations"]["runbook"].partition("#")
            titles = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}, rule["alert"]


def test_the_scaler_asks_for_what_the_adapter_offers() -> None:
    adapter = yaml.safe_load((PROMETHEUS / "adapter.yaml").read_text())["rules"]["custom"][0]
    scaler = yaml.safe_load((ROOT / "deploy/eks/base/inference/hpa.yaml").read_text())
    assert scaler["spec"]["metrics"][0]["pods"]["metric"]["name"] == adapter["name"]["as"]
    assert adapter["seriesQuery"].partition("{")[0] in exported()
