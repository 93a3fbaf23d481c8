"""A panel dealt by regions: one file of arrays per shard, and beside them what every host has to know of the whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from housing.errors import DataError
from housing.panel import FACTS_NAME, Panel, read_arrays
from housing.quality import Whole

SHARDS_NAME = "shards.json"


@dataclass(frozen=True)
class Shard:
    """A file of arrays: regions `first` to `first + count` of the panel."""

    name: str
    first: int
    count: int
    sha256: str


@dataclass(frozen=True)
class Shards:
    """A panel in shards: content of `panel.json`, digest of the whole panel, what the gate asks of it, and the shards in order."""

    facts: dict[str, Any]
    digest: str
    whole: Whole
    shards: tuple[Shard, ...]

    @property
    def calendar(self) -> Panel:
        """The panel without regions."""
        return Panel.of_stored({**self.facts, "regions": [], "lags": {}}, {"price": np.empty((0, self.facts["periods"]))})

    def load(self, files: Iterable[Path]) -> Iterator[tuple[Path, Panel]]:
        """The regions of each file; DataError when it is none of the shards or not as it was written."""
        known = {shard.name: shard for shard in self.shards}
        for file in files:
            shard = known.get(file.name)
            if shard is None or hashlib.sha256(file.read_bytes()).hexdigest() != shard.sha256:
                raise DataError(f"shards: {file.name} is not what {SHARDS_NAME} lists; run Ingest again")
            names = self.facts["regions"][shard.first : shard.first + shard.count]
            yield file, Panel.of_stored({**self.facts, "regions": names}, read_arrays(file))

    @classmethod
    def read(cls, folder: Path) -> Shards | None:
        """From `panel.json` and `shards.json`; None where the panel is in one piece, DataError where they are malformed."""
        if not (folder / SHARDS_NAME).is_file():
            return None
        try:
            facts, listed = (json.loads((folder / name).read_text()) for name in (FACTS_NAME, SHARDS_NAME))
            whole = Whole(int(listed["longest"]), tuple(listed["empty"]))
            return cls(facts, str(listed["digest"]), whole, tuple(Shard(**shard) for shard in listed["shards"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{SHARDS_NAME}: malformed ({error}); run Ingest again") from error


def write_shards(panel: Panel, count: int, folder: Path, parts: Path) -> None:
    """`panel.json` and `shards.json` into `folder`; `panel-00000.npz` and so on, `count` of them or one per region, into `parts`."""
    rows = np.array_split(np.arange(len(panel.regions)), min(count, len(panel.regions)))
    shards = [_write_shard(panel, chunk, parts / f"panel-{index:05d}.npz") for index, chunk in enumerate(rows)]
    whole = {"digest": panel.digest(), **asdict(Whole.of(panel)), "shards": [asdict(shard) for shard in shards]}
    panel.save_facts(folder)
    (folder / SHARDS_NAME).write_text(json.dumps(whole, indent=1) + "\n")


def _write_shard(panel: Panel, rows: np.ndarray, path: Path) -> Shard:
    panel.select([panel.regions[row] for row in rows]).save_arrays(path)
    return Shard(path.name, int(rows[0]), len(rows), hashlib.sha256(path.read_bytes()).hexdigest())
