"""Prepare on several hosts of the emulator: the regions are dealt, and what comes out is one host's, in parts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.prepare_jobs import Prepared, prepare
from benchmarks.train_jobs import train_jobs
from housing.errors import DataError, SettingsError
from housing.panel import Panel
from training.contract import Container
from training.jobs.ingest import ingest
from training.jobs.prepare import prepare as prepare_here
from training.jobs.train import train
from training.plan import Plan

HOSTS = (1, 2, 4)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, synthetic_road: Any) -> Iterator[Mapping[int, Prepared]]:
    with train_jobs(tmp_path_factory.mktemp("prepare")) as jobs:
        yield {hosts: prepare(jobs, synthetic_road.source, hosts) for hosts in HOSTS}


def lines(one: Prepared) -> bytes:
    return b"".join(one.files["requests"][name] for name in sorted(one.files["requests"]))


def test_one_two_and_four_hosts_give_the_same_panel_key_plan_and_requests(prepared: Mapping[int, Prepared], tmp_path: Path) -> None:
    one = prepared[1]
    assert set(one.files["prepared"]) == {"panel.npz", "panel.json", "source.json", "plan.json", "quality.json"}
    folders = {hosts: prepared[hosts].lay("prepared", tmp_path / str(hosts)) for hosts in HOSTS}
    for hosts in HOSTS[1:]:
        several = prepared[hosts]
        assert len([name for name in several.files["prepared"] if name.startswith("panel-")]) == len(several.files["requests"]) == hosts
        assert several.files["key"] == one.files["key"]
        assert lines(several) == lines(one)
        assert several.files["prepared"]["panel.json"] == one.files["prepared"]["panel.json"]
        assert Plan.load(folders[hosts]) == Plan.load(folders[1])
        Panel.load(folders[hosts]).save(tmp_path / f"again-{hosts}")
        assert (tmp_path / f"again-{hosts}" / "panel.npz").read_bytes() == one.files["prepared"]["panel.npz"]


def test_every_host_prepares_regions_of_its_own(prepared: Mapping[int, Prepared]) -> None:
    for hosts in HOSTS:
        assert prepared[hosts].log.count("regions are fit to forecast from") == hosts
        assert prepared[hosts].log.count("content key") == 1


def test_the_findings_of_the_parts_are_those_of_the_whole(prepared: Mapping[int, Prepared]) -> None:
    def found(one: Prepared) -> set[tuple[str, str]]:
        qualities = [json.loads(content) for name, content in one.files["prepared"].items() if name.startswith("quality")]
        return {(finding["name"], region) for quality in qualities for finding in quality["findings"] for region in finding["regions"]}

    assert found(prepared[1]) == found(prepared[2]) == found(prepared[4])


def test_a_training_on_parts_is_that_on_the_whole(prepared: Mapping[int, Prepared], tmp_path: Path) -> None:
    models = []
    for hosts in (1, 4):
        container = Container(tmp_path / str(hosts))
        prepared[hosts].lay("prepared", container.root / "input" / "data" / "panel")
        (container.root / "input" / "config").mkdir()
        (container.root / "input" / "config" / "hyperparameters.json").write_text('{"members": "naive,drift", "seed": "1"}')
        train(container)
        models.append({path.name: path.read_bytes() for path in container.model.rglob("*") if path.is_file()})
    assert models[0] == models[1]


@pytest.fixture
def dealt(tmp_path: Path, synthetic_source: Path) -> Container:
    """Host algo-1 of two, with the first of two shards."""
    start, host = Container(tmp_path / "ingest"), Container(tmp_path / "prepare")
    shutil.copytree(synthetic_source, start.root / "processing" / "input" / "source")
    ingest(start, ["--shards", "2"])
    shutil.copytree(start.output("panel"), host.root / "processing" / "input" / "panel")
    (host.root / "processing" / "input" / "shards").mkdir()
    shutil.copy(start.output("shards") / "panel-00000.npz", host.root / "processing" / "input" / "shards")
    (host.root / "config").mkdir()
    host.processing_resource_file.write_text('{"hosts": ["algo-1", "algo-2"], "current_host": "algo-1"}')
    return host


def test_a_panel_that_lacks_a_part_is_refused(dealt: Container) -> None:
    prepare_here(dealt, ["--horizon", "6", "--origins", "2"])
    with pytest.raises(DataError, match="does not fit"):
        Panel.load(dealt.output("prepared"))


def test_a_host_without_a_shard_writes_what_concerns_the_whole(dealt: Container) -> None:
    shutil.rmtree(dealt.root / "processing" / "input" / "shards")
    prepare_here(dealt, ["--horizon", "6", "--origins", "2"])
    assert {path.name for path in dealt.output("prepared").iterdir()} == {"panel.json", "source.json", "plan.json"}
    assert (dealt.output("key") / "key.json").is_file()


def test_a_shard_that_is_not_as_it_was_written_is_refused(dealt: Container) -> None:
    shard = dealt.root / "processing" / "input" / "shards" / "panel-00000.npz"
    shard.write_bytes(shard.read_bytes() + b"x")
    with pytest.raises(DataError, match="is not what"):
        prepare_here(dealt, ["--horizon", "6"])


def test_two_hosts_never_prepare_a_panel_in_one_piece(dealt: Container, synthetic_source: Path, tmp_path: Path) -> None:
    start = Container(tmp_path / "whole")
    shutil.copytree(synthetic_source, start.root / "processing" / "input" / "source")
    ingest(start)
    shutil.rmtree(dealt.root / "processing" / "input" / "panel")
    shutil.copytree(start.output("panel"), dealt.root / "processing" / "input" / "panel")
    with pytest.raises(SettingsError, match="--shards 2"):
        prepare_here(dealt, ["--horizon", "6"])
