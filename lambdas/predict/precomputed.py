"""Known regions, answered from the table of forecasts in S3: one small read, or none when the worker has it already.

`pipelines/precomputed.py` says how the table lies there. The pointer to it is looked up again after a minute; the objects of a table
never change, so they are kept for as long as there is room. Where S3 does not answer, what the worker has is used (`stale`), within the
limit of age: a forecast older than that is no answer, from whatever place.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from lambdas.predict.render import StoredPrediction, body
from lambdas.predict.shape import Shape
from lambdas.predict.targets import Outcome, TargetError
from lambdas.shared.http import JSON, Answer, Call
from pipelines.signed import KEPT, SignedConnection, SignedError

POINTER = "housing/precomputed/current.json"
POINTER_SECONDS = 60.0
RENEWAL_SECONDS = 5.0
"""How long a pointer that could not be looked up is used before that is tried again."""

KEPT_PREDICTIONS = 2000
MAX_OBJECT_BYTES = 1_000_000
_SECONDS_A_DAY = 86_400.0

Parsed = TypeVar("Parsed")

_ABSENT = (403, 404)
"""S3 answers 404 for what is not there, or 403 to a role that may not list the bucket."""

TOO_OLD = "the table of forecasts is too old"
NO_TABLE = "there is no table of forecasts, or it may not be read"


@dataclass(frozen=True)
class Pointer:
    """The table in force: the folder of its objects (a key prefix), when it was published, and the months between two prices."""

    folder: str
    published: float
    months_per_period: int

    @classmethod
    def read(cls, content: bytes, bucket: str) -> Pointer:
        """The pointer in an object; ValueError when it is none, or leads out of the bucket."""
        found = json.loads(content)
        home = f"s3://{bucket}/"
        if not isinstance(found, dict) or not str(found.get("prefix", "")).startswith(f"{home}housing/precomputed/"):
            raise ValueError("the pointer to the table of forecasts leads elsewhere")
        published = datetime.fromisoformat(str(found.get("published")))
        months = found.get("months_per_period", 0)
        folder = str(found["prefix"]).removeprefix(home)
        return cls(folder, published.replace(tzinfo=published.tzinfo or UTC).timestamp(), months if months in (1, 3) else 0)


class Precomputed:
    """The table of forecasts as a target."""

    def __init__(
        self,
        connection: SignedConnection,
        bucket: str,
        max_age_days: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._connection, self._bucket, self._clock, self._now = connection, bucket, clock, now
        self._max_age_seconds = max_age_days * _SECONDS_A_DAY
        self._pointer: Pointer | None = None
        self._fresh_until, self._stale = float("-inf"), False
        self._kept: OrderedDict[str, StoredPrediction | None] = OrderedDict()

    def ask(self, call: Call, shape: Shape, seconds: float) -> Outcome:  # noqa: ARG002 a target's signature
        """The answer when the table has all that is asked for; TargetError when S3 does not answer and the worker does not have it."""
        until = self._clock() + seconds
        pointer, stale = self._current(until)
        if pointer is None:
            return Outcome(None, stale, NO_TABLE)
        if self._now() - pointer.published > self._max_age_seconds:
            return Outcome(None, stale, TOO_OLD)
        stored = shape.stored
        if stored is None:
            return Outcome(None, stale)
        predictions = self._predictions(pointer.folder, stored.regions, until)
        if predictions is None:
            return Outcome(None, stale)
        content = body(stored, predictions, pointer.months_per_period)
        return Outcome(None if content is None else Answer(200, content, {"content-type": JSON}), stale)

    def _current(self, until: float) -> tuple[Pointer | None, bool]:
        """The pointer, and whether it is one that could not be looked up again."""
        if self._clock() < self._fresh_until:
            return self._pointer, self._stale
        try:
            content = self._read(POINTER, until)
            self._pointer = None if content is None else _parsed(lambda: Pointer.read(content, self._bucket))
        except TargetError:
            if self._pointer is None:
                raise
            self._stale = True
        else:
            self._stale = False
        self._fresh_until = self._clock() + (RENEWAL_SECONDS if self._stale else POINTER_SECONDS)
        return self._pointer, self._stale

    def _predictions(self, folder: str, regions: Sequence[str], until: float) -> list[StoredPrediction] | None:
        """The regions of the table, read at once where the worker lacks several; None when the table lacks one."""
        keys = {region: f"{folder}{quote(region, safe='')}.json" for region in regions}
        lacking = [region for region in regions if keys[region] not in self._kept]
        if len(lacking) > 1:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(KEPT, len(lacking))) as readers:
                list(readers.map(lambda region: self._prediction(keys[region], region, until), lacking))
        found = [prediction for region in regions if (prediction := self._prediction(keys[region], region, until)) is not None]
        return found if len(found) == len(regions) else None

    def _prediction(self, key: str, region: str, until: float) -> StoredPrediction | None:
        """A region of the table, None when the table does not have it."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        content = self._read(key, until)
        found = None if content is None else _parsed(lambda: StoredPrediction.read(content, region))
        self._kept[key] = found
        if len(self._kept) > KEPT_PREDICTIONS:
            self._kept.popitem(last=False)
        return found

    def _read(self, key: str, until: float) -> bytes | None:
        """An object, None when there is none."""
        path = f"/{self._bucket}/{quote(key, safe='/-_.~')}"
        try:
            reply = self._connection.send("GET", path, {}, b"", max(0.0, until - self._clock()))
        except SignedError as error:
            raise TargetError("timeout" if error.timed_out else "unavailable", f"s3: {error}") from error
        if reply.status in _ABSENT:
            return None
        if reply.status == 503:
            raise TargetError("throttled", "s3: slow down")
        if reply.status != 200 or len(reply.body) > MAX_OBJECT_BYTES:
            raise TargetError("failed", f"s3: HTTP {reply.status} for {key}")
        return reply.body


def _parsed(read: Callable[[], Parsed]) -> Parsed:
    try:
        return read()
    except ValueError as error:
        raise TargetError("failed", f"s3: {error}") from error
