"""What stands around Prometheus: the collector and its vendors, the charts' values, the versions all of it was written for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "observability"
VENDORS = sorted((FOLDER / "otel" / "vendors").glob("*.yml"))
MERGED = pytest.mark.parametrize("vendor", [None, *VENDORS], ids=lambda path: path.stem if path else "alone")


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Two `--config` of a collector: maps are merged, anything else is replaced by the later file's."""
    both = {name: merged(below[name], above[name]) for name in below.keys() & above.keys() if isinstance(below[name], dict)}
    return {**below, **above, **both}


def collector(vendor: Path | None) -> dict[str, Any]:
    base: dict[str, Any] = yaml.safe_load((FOLDER / "otel" / "collector.yml").read_text())
    return merged(base, yaml.safe_load(vendor.read_text())) if vendor else base


@MERGED
def test_the_collector_sends_only_what_it_declares(vendor: Path | None) -> None:
    made = collector(vendor)
    for pipeline in made["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= set(made[part])


@MERGED
def test_no_exporter_is_checked_that_is_not_in_use(vendor: Path | None) -> None:
    """A collector checks what it declares: a vendor's empty key would keep everyone's from starting. Tempo and Loki need none."""
    made = collector(vendor)
    used = {name for pipeline in made["service"]["pipelines"].values() for name in pipeline["exporters"]}
    secret = {name for name, settings in made["exporters"].items() if re.search(r"\$\{env:\w+\}", str(settings))}
    assert secret == (used if vendor else set())


def test_spans_come_in_where_the_network_lets_them() -> None:
    port = collector(None)["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert f"port: {port}" in (ROOT / "deploy/eks/base/inference/network.yaml").read_text()


@pytest.mark.parametrize("name", ["loki/loki.yml", "tempo/tempo.yml", "prometheus/adapter.yaml", "prometheus/karpenter.yaml"])
def test_the_other_files_are_yaml(name: str) -> None:
    assert isinstance(yaml.safe_load((FOLDER / name).read_text()), dict)


def test_the_chart_takes_monitors_and_rules_that_carry_no_release() -> None:
    values = yaml.safe_load((FOLDER / "prometheus" / "kube-prometheus-stack.yaml").read_text())
    spec = values["prometheus"]["prometheusSpec"]
    for path in [*(ROOT / "deploy/eks/base").rglob("*.yaml"), FOLDER / "prometheus" / "rules-on-eks.yaml"]:
        for item in yaml.safe_load_all(path.read_text()):
            kind = item.get("kind", "") if item else ""
            selector = {"ServiceMonitor": "serviceMonitor", "PodMonitor": "podMonitor", "PrometheusRule": "rule"}.get(kind)
            if selector:
                assert "release" not in item["metadata"].get("labels", {})
                assert spec[f"{selector}SelectorNilUsesHelmValues"] is False
    sidecar = values["grafana"]["sidecar"]["dashboards"]
    generated = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["configMapGenerator"][0]
    assert generated["options"]["labels"] == {sidecar["label"]: sidecar["labelValue"]}
    assert generated["namespace"] == sidecar["searchNamespace"]


def test_every_level_of_an_alarm_has_someone_to_tell() -> None:
    route = yaml.safe_load((FOLDER / "prometheus" / "kube-prometheus-stack.yaml").read_text())["alertmanager"]["config"]
    receivers = {item["name"] for item in route["receivers"]}
    assert {route["route"]["receiver"], *(item["receiver"] for item in route["route"]["routes"])} <= receivers
    levels = {
        rule["labels"]["severity"]
        for path in (FOLDER / "prometheus" / "rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert levels == {"page", "ticket"}


def test_the_documented_versions_are_those_of_the_files() -> None:
    """`IMAGE:VERSION` in docs/observability.md stands in a file of deploy/ or containers/, too."""
    section = (ROOT / "docs" / "observability.md").read_text().partition("## Versions")[2].partition("\n## ")[0]
    stated = set(re.findall(r"`([\w./-]+):(v?[\d.]+[\w.-]*)`", section))
    assert {name for name, _ in stated} >= {"grafana/loki", "grafana/tempo", "grafana/grafana", "prom/prometheus"}
    files = [path for folder in (FOLDER, ROOT / "deploy/eks") for path in folder.rglob("*.y*ml")] + [ROOT / "containers" / "compose.yaml"]
    text = "\n".join(path.read_text() for path in files)
    for name, version in stated:
        assert re.search(rf"{re.escape(f'{name}:{version}')}(?!\d|\.\d)", text), f"{name}:{version}"
