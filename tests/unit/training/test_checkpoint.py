"""Checkpoints: whole or absent, of this key or not seen, the one before when the newest is torn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.checkpoint import Checkpoints


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", "key")


def test_what_was_saved_comes_back(checkpoints: Checkpoints) -> None:
    checkpoints.save("xgboost/2011-01", {"values": np.arange(3.0)}, {"note": [1, "a"]}, step=4)
    found = checkpoints.latest("xgboost/2011-01")
    assert found is not None
    assert (found.step, found.facts) == (4, {"note": [1, "a"]})
    np.testing.assert_array_equal(found.arrays["values"], [0.0, 1.0, 2.0])


def test_nothing_is_found_where_nothing_was_saved(checkpoints: Checkpoints) -> None:
    assert checkpoints.latest("unit") is None


def test_the_newest_step_wins_and_old_ones_go(checkpoints: Checkpoints) -> None:
    for step in (1, 2, 10, 3):
        checkpoints.save("unit", {"step": np.array(step)}, step=step)
    found = checkpoints.latest("unit")
    assert found is not None
    assert found.step == 10
    assert len(list(checkpoints.folder.iterdir())) == 2


@pytest.mark.parametrize("damage", ["truncated", "altered", "emptied"])
def test_a_torn_checkpoint_falls_back_to_the_one_before(checkpoints: Checkpoints, damage: str) -> None:
    checkpoints.save("unit", {"values": np.arange(100.0)}, step=1)
    checkpoints.save("unit", {"values": np.arange(100.0)}, step=2)
    (newest,) = checkpoints.folder.glob("*.00000002.*")
    content = newest.read_bytes()
    torn = {"truncated": content[:-40], "altered": content[:200] + b"x" + content[201:], "emptied": b""}[damage]
    newest.write_bytes(torn)
    found = checkpoints.latest("unit")
    assert found is not None
    assert found.step == 1


def test_work_of_another_key_is_never_resumed(checkpoints: Checkpoints) -> None:
    checkpoints.save("unit", {"values": np.zeros(1)})
    assert Checkpoints(checkpoints.folder, "another").latest("unit") is None


def test_units_with_like_names_are_kept_apart(checkpoints: Checkpoints) -> None:
    for number, unit in enumerate(("a/b", "a.b", "a_b", "a", "../a")):
        checkpoints.save(unit, {"number": np.array(number)})
    for number, unit in enumerate(("a/b", "a.b", "a_b", "a", "../a")):
        found = checkpoints.latest(unit)
        assert found is not None
        assert int(found.arrays["number"]) == number
    assert all(path.parent == checkpoints.folder for path in checkpoints.folder.rglob("*"))


def test_files_of_others_in_the_folder_are_left_alone(checkpoints: Checkpoints) -> None:
    checkpoints.folder.mkdir()
    (checkpoints.folder / "notes.txt").write_text("mine")
    (checkpoints.folder / ".unit.00000001.abc.safetensors.partial").write_bytes(b"half")
    checkpoints.save("unit", {"values": np.zeros(1)})
    assert checkpoints.latest("unit") is not None
    assert (checkpoints.folder / "notes.txt").read_text() == "mine"
