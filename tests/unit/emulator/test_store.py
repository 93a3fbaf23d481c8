"""Records on disk."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from emulator.store import RecordExistsError, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "records.sqlite")


def test_records_and_numbers_survive_a_restart(tmp_path):
    first = Store(tmp_path / "records.sqlite")
    first.put("job", "a", {"Status": "InProgress"})
    assert [first.next_number("group"), first.next_number("group")] == [1, 2]
    first.close()
    second = Store(tmp_path / "records.sqlite")
    assert second.get("job", "a") == {"Status": "InProgress"}
    assert second.next_number("group") == 3


def test_a_name_is_added_once(store):
    store.add("job", "a", {"n": 1})
    with pytest.raises(RecordExistsError, match="job a exists"):
        store.add("job", "a", {"n": 2})
    store.add("model", "a", {"n": 3})
    assert store.get("job", "a") == {"n": 1}


def test_a_list_keeps_the_order_of_adding_and_groups_by_parent(store):
    for name, parent in (("b", "x"), ("a", "x"), ("c", "y")):
        store.put("step", name, {"name": name}, parent=parent)
    store.put("step", "b", {"name": "b", "again": True}, parent="x")
    assert [record["name"] for record in store.list("step")] == ["b", "a", "c"]
    assert [record["name"] for record in store.list("step", parent="x")] == ["b", "a"]
    assert store.list("step", where=lambda record: "again" in record) == [{"name": "b", "again": True}]


def test_an_update_happens_only_to_what_it_expects(store):
    store.put("job", "a", {"Status": "Completed", "n": 1})
    assert store.update("job", "a", {"Status": "Stopping"}, expect={"Status": "InProgress"}) is None
    assert store.update("job", "absent", {"Status": "Stopping"}) is None
    assert store.update("job", "a", lambda record: {"n": record["n"] + 1}) == {"Status": "Completed", "n": 2}
    assert store.get("job", "a") == {"Status": "Completed", "n": 2}


def test_a_deleted_record_is_gone(store):
    store.put("job", "a", {})
    assert store.delete("job", "a")
    assert not store.delete("job", "a")
    assert store.get("job", "a") is None


def test_no_update_of_many_threads_is_lost(store):
    store.put("counter", "a", {"n": 0})

    def add() -> None:
        for _ in range(50):
            store.update("counter", "a", lambda record: {"n": record["n"] + 1})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("counter", "a") == {"n": 200}


def test_a_watcher_sees_every_change_once(store):
    seen = []
    store.watch(lambda kind, record: seen.append((kind, record["n"])))
    store.add("job", "a", {"n": 1})
    store.put("job", "a", {"n": 2})
    store.update("job", "a", {"n": 3})
    store.update("job", "a", {"n": 4}, expect={"n": 0})
    assert seen == [("job", 1), ("job", 2), ("job", 3)]
