"""Who the hosts of a job are, and which part of the work is whose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from housing.errors import SettingsError
from housing.panel import Panel
from training.choice import Choice
from training.cluster import Collective, Hosts
from training.contract import Container
from training.deal import dealt
from training.plan import Plan
from training.rendezvous import port_of
from training.team import torchrun


def config(folder: Path, *hosts: str, current: str = "algo-1") -> Container:
    container = Container(folder)
    container.resource_file.parent.mkdir(parents=True)
    container.resource_file.write_text(json.dumps({"hosts": list(hosts), "current_host": current}))
    return container


def test_without_a_file_there_is_one_host(tmp_path: Path) -> None:
    assert Hosts.read(tmp_path / "resourceconfig.json") == Hosts(("algo-1",), "algo-1")


def test_every_host_knows_the_same_order_and_its_place(tmp_path: Path) -> None:
    hosts = Hosts.read(config(tmp_path, "algo-2", "algo-1", current="algo-2").resource_file)
    assert (hosts.names, hosts.rank, hosts.count, hosts.leads) == (("algo-1", "algo-2"), 1, 2, False)
    assert list(hosts.share(5)) == [1, 3]


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"hosts": ["a"], "current_host": "b"})])
def test_a_malformed_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "resourceconfig.json").write_text(text)
    with pytest.raises(SettingsError, match=r"resourceconfig\.json"):
        Hosts.read(tmp_path / "resourceconfig.json")


def test_alone_nothing_is_sent() -> None:
    collective = Collective(Hosts(("a",), "a"))
    assert collective.gather(b"content") == [b"content"]
    assert (collective.traffic.calls, collective.traffic.sent_bytes) == (0, 0)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_origin_and_every_final_fit_is_dealt_once(count: int) -> None:
    price = np.exp(11 + np.cumsum(np.full((2, 120), 0.004), axis=1))
    panel = Panel(("A", "B"), np.datetime64("2005-01", "M") + np.arange(120), "M", price)
    plan, members = Plan.make(panel, 6, 4), ("xgboost", "neural")
    names = tuple(f"algo-{number}" for number in range(1, count + 1))
    parts = [dealt(panel, plan, members, Hosts(names, name)) for name in names]
    assert sorted(column for columns, _ in parts for column in columns) == plan.columns(panel)
    assert sorted(name for _, last in parts for name in last) == sorted(members)


def test_torchrun_starts_where_a_network_is_shared_by_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("TRAINING_JOB_NAME", "job")
    container = config(tmp_path, "algo-1", "algo-2", current="algo-2")
    shared = Choice(("neural",), 0, {}, "rows")
    command = torchrun(container, shared, 4)
    assert command is not None
    assert {"--nnodes=2", "--node-rank=1", "--nproc-per-node=4", "--master-addr=algo-1", f"--master-port={port_of('job')}"} <= set(command)
    assert torchrun(container, Choice(("neural",), 0, {}), 4) is None
    assert torchrun(container, Choice(("xgboost",), 0, {}, "rows"), 4) is None
    monkeypatch.setenv("RANK", "0")
    assert torchrun(container, shared, 4) is None
