"""Objects on disk."""

import io

import pytest

from emulator import object_store
from emulator.object_store import ObjectStore, StoredValue


@pytest.fixture
def store(tmp_path):
    opened = ObjectStore(tmp_path)
    yield opened
    opened.close()


def _put(store, key, content):
    path = store.write_value(io.BytesIO(content))
    store.put("bucket", key, path, {"size": len(content)})
    return path


def test_an_object_is_read_back_by_another_store(store, tmp_path):
    _put(store, "key", b"content")
    store.put_bucket("bucket", {"region": "eu-west-1"})
    other = ObjectStore(tmp_path)
    (row,) = other.objects()
    assert (row.bucket, row.key, row.record, StoredValue(row.value).read()) == ("bucket", "key", {"size": 7}, b"content")
    assert list(other.buckets()) == [("bucket", {"region": "eu-west-1"})]
    other.close()


def test_a_value_that_no_record_names_is_removed_at_the_next_start(store, tmp_path):
    kept, orphan = _put(store, "key", b"kept"), store.write_value(io.BytesIO(b"a kill came before its record"))
    ObjectStore(tmp_path).close()
    assert kept.exists()
    assert not orphan.exists()


def test_a_replaced_value_can_be_read_for_a_while_and_is_removed_then(store, monkeypatch):
    old = _put(store, "key", b"old")
    _put(store, "key", b"new")
    assert StoredValue(old).read() == b"old"
    monkeypatch.setattr(object_store, "GRACE_SECONDS", -1.0)
    store.delete("bucket", "key")
    assert not old.exists()
    assert list(store.objects()) == []


def test_a_value_is_read_in_pieces_like_a_file(store):
    value = StoredValue(_put(store, "key", bytes(range(100))))
    assert value.read(10) == bytes(range(10))
    assert value.read() == bytes(range(10, 100))
    value.seek(0)
    assert len(value.read()) == 100


def test_settings_go_with_their_bucket(store):
    store.put_bucket("bucket", {})
    store.put_setting("bucket", "tagging", {"PATH_INFO": "/bucket"}, b"<xml/>")
    assert list(store.settings()) == [({"PATH_INFO": "/bucket"}, b"<xml/>")]
    store.delete_bucket("bucket")
    assert list(store.settings()) == []
