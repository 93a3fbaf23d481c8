"""Records on disk: one SQLite table of JSON documents by kind and name, shared by all threads of one emulator."""

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Record = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (kind, name));
CREATE INDEX IF NOT EXISTS by_parent ON records (kind, parent);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


Watcher = Callable[[str, Record], None]


class RecordExistsError(Exception):
    """A record of that kind and name is there already."""


class Store:
    """JSON records keyed by (kind, name), listed in the order they were added; every method is atomic and safe from any thread.

    Times in records are seconds since the epoch. A record's `parent` groups it, for example the steps of one execution.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._watchers: list[Watcher] = []
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher(kind, record)` after every record that is added or changed, in the thread that did it; it must be quick."""
        self._watchers.append(watcher)

    def _tell(self, kind: str, record: Mapping[str, Any]) -> None:
        for watcher in self._watchers:
            watcher(kind, dict(record))

    def add(self, kind: str, name: str, record: Mapping[str, Any], parent: str = "") -> None:
        """Insert a new record.

        Raises
        ------
        RecordExistsError
            When (kind, name) is taken.
        """
        try:
            with self._lock:
                self._db.execute("INSERT INTO records (kind, name, parent, body) VALUES (?, ?, ?, ?)", (kind, name, parent, _text(record)))
        except sqlite3.IntegrityError:
            raise RecordExistsError(f"{kind} {name} exists") from None
        self._tell(kind, record)

    def put(self, kind: str, name: str, record: Mapping[str, Any], parent: str = "") -> None:
        """Insert a record or replace the one that is there, which keeps its place in listings."""
        statement = (
            "INSERT INTO records (kind, name, parent, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body, parent = excluded.parent"
        )
        with self._lock:
            self._db.execute(statement, (kind, name, parent, _text(record)))
        self._tell(kind, record)

    def get(self, kind: str, name: str) -> Record | None:
        """The record, or None."""
        with self._lock:
            row = self._db.execute("SELECT body FROM records WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return None if row is None else json.loads(row[0])

    def list(self, kind: str, parent: str | None = None, where: Callable[[Record], bool] | None = None) -> list[Record]:
        """All records of a kind (of one parent) that satisfy `where`, oldest first."""
        condition, values = ("kind = ?", [kind]) if parent is None else ("kind = ? AND parent = ?", [kind, parent])
        with self._lock:
            rows = self._db.execute(f"SELECT body FROM records WHERE {condition} ORDER BY number", values).fetchall()  # noqa: S608
        records = (json.loads(body) for (body,) in rows)
        return [record for record in records if where is None or where(record)]

    def update(
        self,
        kind: str,
        name: str,
        change: Mapping[str, Any] | Callable[[Record], Mapping[str, Any]],
        expect: Mapping[str, Any] | None = None,
    ) -> Record | None:
        """Merge `change` (fields, or a function from the record to fields) into a record, only if its fields equal `expect`.

        Returns
        -------
        Record or None
            The new record; None when there is no such record or it differs from `expect`: then nothing is written.
        """
        with self._lock:
            record = self.get(kind, name)
            if record is None or any(record.get(key) != value for key, value in (expect or {}).items()):
                return None
            record.update(change(record) if callable(change) else change)
            self._db.execute("UPDATE records SET body = ? WHERE kind = ? AND name = ?", (_text(record), kind, name))
        self._tell(kind, record)
        return record

    def delete(self, kind: str, name: str) -> bool:
        """Remove a record; False when there was none."""
        with self._lock:
            return self._db.execute("DELETE FROM records WHERE kind = ? AND name = ?", (kind, name)).rowcount > 0

    def delete_children(self, kind: str, parent: str) -> int:
        """Remove every record of a kind that belongs to a parent. Returns how many there were."""
        with self._lock:
            return self._db.execute("DELETE FROM records WHERE kind = ? AND parent = ?", (kind, parent)).rowcount

    def next_number(self, counter: str) -> int:
        """1, 2, 3, ... per counter name, never the same twice, also across restarts."""
        statement = "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        with self._lock:
            return int(self._db.execute(statement, (counter,)).fetchone()[0])

    def close(self) -> None:
        """Close the file; the store can't be used afterwards."""
        with self._lock:
            self._db.close()


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))
