"""S3 objects on disk: one SQLite table of records, one file per value."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

GRACE_SECONDS = 60.0
"""A value that was replaced stays this long, for readers who found it just before."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (bucket TEXT, name TEXT, record TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (bucket, name));
CREATE TABLE IF NOT EXISTS objects (bucket TEXT, key TEXT, value TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (bucket, key));
"""


@dataclass(frozen=True)
class Row:
    """One object as it was written: its value's file and everything else as JSON."""

    bucket: str
    key: str
    value: Path
    record: dict[str, Any]


class StoredValue:
    """The bytes of one object, read from its file: what moto expects of a key's buffer, without the memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def seek(self, offset: int) -> None:
        self._offset = offset

    def read(self, size: int = -1) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self._offset)
            block = file.read(size)
        self._offset += len(block)
        return block

    def close(self) -> None:
        """Nothing is open between two reads; the store removes the file when its object is gone."""


class ObjectStore:
    """Buckets and objects below one folder. A record is written only after its value, so a kill at any moment leaves whole objects."""

    def __init__(self, folder: Path) -> None:
        self._values = folder / "values"
        self._values.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._discarded: deque[tuple[float, Path]] = deque()
        self._database = sqlite3.connect(folder / "index.sqlite", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self._sweep()

    def _execute(self, statement: str, *values: object) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def _sweep(self) -> None:
        """Remove the values that no record names: leftovers of a kill."""
        known = {value for (value,) in self._execute("SELECT value FROM objects")}
        for path in self._values.glob("*/*"):
            if path.name not in known:
                path.unlink()

    def buckets(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, record in self._execute("SELECT name, record FROM buckets ORDER BY rowid"):
            yield name, json.loads(record)

    def objects(self) -> Iterator[Row]:
        for bucket, key, value, record in self._execute("SELECT bucket, key, value, record FROM objects"):
            yield Row(bucket, key, self._path(value), json.loads(record))

    def settings(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        for record, body in self._execute("SELECT record, body FROM settings ORDER BY rowid"):
            yield json.loads(record), body

    def put_bucket(self, name: str, record: dict[str, Any]) -> None:
        self._execute(
            "INSERT INTO buckets VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record", name, json.dumps(record)
        )

    def delete_bucket(self, name: str) -> None:
        self._execute("DELETE FROM settings WHERE bucket = ?", name)
        self._execute("DELETE FROM buckets WHERE name = ?", name)

    def put_setting(self, bucket: str, name: str, record: dict[str, Any], body: bytes) -> None:
        """Keep one request that configured a bucket (notifications, tags, a policy), to be replayed at the next start."""
        self._execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)", bucket, name, json.dumps(record), body)

    def delete_setting(self, bucket: str, name: str) -> None:
        self._execute("DELETE FROM settings WHERE bucket = ? AND name = ?", bucket, name)

    def write_value(self, source: BinaryIO) -> Path:
        """Copy a value into a new file; `put` makes it an object's."""
        path = self._path(uuid.uuid4().hex)
        path.parent.mkdir(exist_ok=True)
        source.seek(0)
        with path.open("wb") as target:
            while block := source.read(1 << 20):
                target.write(block)
        return path

    def put(self, bucket: str, key: str, value: Path, record: dict[str, Any], versioned: bool = False) -> None:
        """Record a value as an object's; the one before goes, or in a versioned bucket stays readable until the next start."""
        old = self._value_of(bucket, key)
        self._execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", bucket, key, value.name, json.dumps(record))
        if old is not None and old != value and not versioned:
            self.discard(old)

    def delete(self, bucket: str, key: str, versioned: bool = False) -> None:
        old = self._value_of(bucket, key)
        self._execute("DELETE FROM objects WHERE bucket = ? AND key = ?", bucket, key)
        if old is not None and not versioned:
            self.discard(old)

    def keys(self, bucket: str) -> list[str]:
        return [key for (key,) in self._execute("SELECT key FROM objects WHERE bucket = ?", bucket)]

    def discard(self, value: Path) -> None:
        """Remove a value's file, once nobody can still be reading it."""
        now = time.monotonic()
        with self._lock:
            self._discarded.append((now, value))
            while self._discarded and now - self._discarded[0][0] > GRACE_SECONDS:
                self._discarded.popleft()[1].unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _path(self, name: str) -> Path:
        return self._values / name[:2] / name

    def _value_of(self, bucket: str, key: str) -> Path | None:
        found = self._execute("SELECT value FROM objects WHERE bucket = ? AND key = ?", bucket, key)
        return self._path(found[0][0]) if found else None
