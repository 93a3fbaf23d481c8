"""The hosts of a Job: who trains what, who waits for whom, and where one that starts again begins."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

import pytest

from agent import train
from agent.command import Commands
from agent.faults import PASSING, AgentError
from agent.metrics import Metrics
from agent.request import Request, Step
from agent.storage import Storage
from agent.train import Pod

STEPS = (Step("linear", {"members": "linear"}, "linear-1", alone=True), Step("trees", {"members": "xgboost"}, "trees-2"))


class Shelf:
    """Stands for S3: what Prepare wrote, and what each object was made of. The model of `late` is written while a host waits."""

    def __init__(self, late: str = "") -> None:
        self.made_of: dict[str, str] = {}
        self._late, self.asked = late, 0

    def download_folder(self, uri: str, folder: Path) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        if uri.endswith("/key"):
            (folder / "key.json").write_text(json.dumps({"content_key": "abc"}))
        return 1

    def download(self, uri: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(uri)

    def mark(self, uri: str) -> str:
        self.asked += 1
        if self._late and self.asked > 4:
            self.made_of[address("trees")] = self._late
        return self.made_of.get(uri, "")

    def upload(self, _path: Path, uri: str, mark: str = "") -> None:
        self.made_of[uri] = mark


class Trainings(Commands):
    """Notes the trainings instead of running them: the step, where its hosts meet, and how many it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[str, str, int]] = []

    def run(self, _command: Any, root: Path, *_: Any, **environment: str) -> None:
        told = json.loads((root / "input" / "config" / "resourceconfig.json").read_text())
        assert told["current_host"] in told["hosts"]
        self.done.append((root.name, environment["TRAINING_JOB_NAME"], len(told["hosts"])))


def address(step: str) -> str:
    return f"s3://b/out/{step}/output/model.tar.gz"


def trained(root: Path, index: int, shelf: Shelf) -> list[tuple[str, str, int]]:
    """What the pod of this index trains, of a Job with three hosts."""
    request = Request("job", "", "s3://b/in", "s3://b/checkpoints", "s3://b/out", STEPS, (), (), 3, index, 0)
    trainings = Trainings()
    Pod(request, cast(Storage, shelf), trainings, Metrics(), root).work()
    return trainings.done


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


LIGHT, SHARED = ("linear", "job-linear", 1), ("trees", "job-trees", 3)


def test_the_first_host_does_the_light_steps_alone_and_writes_every_model(tmp_path: Path) -> None:
    shelf = Shelf()
    assert trained(tmp_path, 0, shelf) == [LIGHT, SHARED]
    assert shelf.made_of == {address("linear"): "abc/linear-1", address("trees"): "abc/trees-2"}


def test_another_host_shares_the_others_and_stays_until_the_model_is_written(tmp_path: Path) -> None:
    shelf = Shelf(late="abc/trees-2")
    assert trained(tmp_path, 1, shelf) == [SHARED]
    assert shelf.asked > 4


@pytest.mark.parametrize("late", ["", "of-other-data/trees-2"])
def test_a_model_that_is_never_written_asks_for_another_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: str) -> None:
    monkeypatch.setattr(train, "WRITTEN_SECONDS", 0.05)
    with pytest.raises(AgentError, match="goes on from the checkpoints") as caught:
        trained(tmp_path, 2, Shelf(late))
    assert caught.value.status == PASSING


@pytest.mark.parametrize("index", [0, 1])
def test_a_host_that_starts_again_begins_where_the_others_are(tmp_path: Path, index: int) -> None:
    shelf = Shelf()
    trained(tmp_path / "before", 0, shelf)
    assert trained(tmp_path / "again", index, shelf) == []
    assert (tmp_path / "again" / "steps" / "trees" / "model.tar.gz").is_file() == (index == 0)


def test_a_model_of_other_data_or_of_another_image_is_trained_again(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.made_of = {address("linear"): "of-other-data/linear-1", address("trees"): "abc/trees-of-another-image"}
    assert trained(tmp_path, 0, shelf) == [LIGHT, SHARED]
    assert shelf.made_of[address("trees")] == "abc/trees-2"
