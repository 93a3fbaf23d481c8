"""What a pod tells Prometheus is what the training printed, in a form that Prometheus reads."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.faults import AgentError
from agent.metrics import Metrics
from pipelines.definition.metrics import NAMES
from training.metrics_log import metric_line


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(metrics.exposition())
    return {
        (sample.labels["step"], sample.labels.get("name", sample.name)): sample.value for family in families for sample in family.samples
    }


def test_every_number_that_sagemaker_reads_prometheus_reads_too() -> None:
    metrics = Metrics()
    for number, name in enumerate(NAMES):
        metrics.read(f"some words {metric_line(name, number / 8)} and more {metric_line('other:one', 1e-9)}\n", "xgboost")
    assert samples(metrics) == {("xgboost", name): number / 8 for number, name in enumerate(NAMES)} | {("xgboost", "other:one"): 1e-9}


def test_the_newest_value_counts_and_labels_are_escaped() -> None:
    metrics = Metrics()
    metrics.read("train:loss=2;", 'a"\\b')
    metrics.read("train:loss=1; train:seconds=nothing;", 'a"\\b')
    metrics.set("housing_training_restored_files", 3, step="x")
    assert samples(metrics) == {('a"\\b', "train:loss"): 1.0, ("x", "housing_training_restored_files"): 3.0}


def test_it_is_served_at_its_path_alone_and_a_taken_port_is_named(socket_enabled: None) -> None:
    metrics = Metrics()
    metrics.set("housing_training_restored_files", 0, step="x")
    server = metrics.serve(0)
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
            assert answer.read().decode() == metrics.exposition()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/", timeout=5)
        with socket.socket() as taken:
            taken.bind(("", 0))
            taken.listen()
            with pytest.raises(AgentError, match=r"HOUSING_JOB_METRICS_PORT: .*give a free port"):
                metrics.serve(taken.getsockname()[1])
    finally:
        server.shutdown()
        server.server_close()


def test_a_gauge_of_what_is_over_is_taken_away() -> None:
    metrics = Metrics()
    for step in ("xgboost", "neural"):
        metrics.set("housing_training_kept_files", 0, step=step)
    metrics.drop("housing_training_kept_files", step="xgboost")
    metrics.drop("housing_training_kept_files", step="never there")
    assert samples(metrics) == {("neural", "housing_training_kept_files"): 0.0}
