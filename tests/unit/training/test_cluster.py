"""Who the hosts of a job are, and which part of the work is whose."""

from __future__ import annotations

import json
import socket
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from housing.errors import SettingsError
from housing.panel import Panel
from training import cluster, rendezvous
from training.choice import Choice
from training.cluster import Collective, Hosts, joined, of_others
from training.contract import Container
from training.deal import dealt
from training.plan import Plan
from training.rendezvous import Desk, LostHostError, address_of, ask, port_of
from training.team import of_peers, torchrun


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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.filterwarnings("ignore")
def test_a_first_host_that_ends_before_all_have_joined_is_a_lost_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "RETRIES", 1)
    port = free_port()
    desk = Desk(("127.0.0.1", port), free_port(), ["b"])  # at the port of the tracker nobody is left
    with pytest.raises(LostHostError, match=r"host 127\.0\.0\.1: no longer answers"), joined(Hosts(("127.0.0.1", "b"), "b"), port):
        pass
    desk.close()


def test_nobody_goes_to_the_tracker_before_the_last_host_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    address = ("127.0.0.1", free_port())
    desk = Desk(address, 7, ["b", "c"])
    told: list[str] = []
    waiting = threading.Thread(target=lambda: told.append(f"b {ask(address, 'b')[0]}"))
    waiting.start()
    waiting.join(0.5)
    assert not told
    assert ask(address, "c")[0] == 7
    waiting.join(5)
    assert told == ["b 7"]
    desk.wait()
    desk.close()
    monkeypatch.setattr(rendezvous, "JOIN_SECONDS", 0.1)
    alone = Desk(("127.0.0.1", free_port()), 7, ["b"])
    with pytest.raises(LostHostError, match="host b: does not come"):
        alone.wait()
    alone.close()


def test_what_xgboost_refuses_is_no_lost_host() -> None:
    xgboost = pytest.importorskip("xgboost")
    with pytest.raises(xgboost.core.XGBoostError) as refused:
        xgboost.train({"objective": "nonsense"}, xgboost.DMatrix(np.zeros((2, 2)), [0, 1]), 1)
    assert not of_others(refused.value)


def test_what_torch_refuses_is_no_lost_host() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as refused:
        torch.zeros(2) @ torch.zeros(3)
    assert not of_peers(refused.value)
    with pytest.raises(RuntimeError) as nobody:
        torch.distributed.TCPStore("127.0.0.1", free_port(), 2, False, timedelta(seconds=0.2))
    assert of_peers(nobody.value)


def test_a_name_that_is_not_known_yet_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def lookup(name: str) -> str:
        asked.append(name)
        if len(asked) < 3:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return "10.0.0.7"

    monkeypatch.setattr(socket, "gethostbyname", lookup)
    assert address_of("job-0.training-hosts") == "10.0.0.7"
    assert asked == ["job-0.training-hosts"] * 3


def test_a_name_that_never_comes_is_a_lost_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(_: str) -> str:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "gethostbyname", lookup)
    monkeypatch.setattr(rendezvous, "JOIN_SECONDS", 0)
    with pytest.raises(LostHostError, match=r"job-0\.training-hosts"):
        address_of("job-0.training-hosts")
