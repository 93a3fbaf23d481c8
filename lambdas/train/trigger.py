"""What asks for a training: a request, a schedule, an upload, an alarm; each with the key under which it is asked again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from lambdas.train.refusal import refused

MARKER = "source.json"
PANEL = "panel.csv.gz"
MAX_DELAY = timedelta(hours=1)
"""How far the clocks of two services may be apart."""

DRIFT_PAUSE = timedelta(days=1)
"""Within which alarms are one wish, however many go off, and however often: what has drifted stays so until a model is trained on it."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_UPLOAD = re.compile(rf"(housing/uploads/.+/){re.escape(MARKER)}")

Kind = Literal["api", "schedule", "upload", "drift"]


@dataclass(frozen=True)
class Trigger:
    """One wish for a training.

    Attributes
    ----------
    kind, key : who asks, and what is the same when the same wish comes again.
    reason : for people, kept with the execution.
    since : no execution for this wish is older.
    asked : parameters as they came, not yet checked.
    upload : bucket and prefix of new data, None to train on the newest that is there.
    """

    kind: Kind
    key: str
    reason: str
    since: datetime
    asked: Mapping[str, Any] = field(default_factory=dict)
    upload: tuple[str, str] | None = None

    @property
    def token(self) -> str:
        """64 hexadecimal digits, the same for the same wish: fit for a ClientRequestToken (32 to 128 characters)."""
        return hashlib.sha256(f"{self.kind}\0{self.key}".encode()).hexdigest()

    @property
    def name(self) -> str:
        """The name of the execution, or of the Job: the same for the same wish, and to be found again long after."""
        return f"{self.kind}-{self.token[:20]}"


def from_event(event: Any, drift_prefix: str) -> Trigger | None:
    """The wish in an event of EventBridge; None when there is none in it.

    Errors: ApiError 400 for what is no event of a kind that is known.
    """
    if not isinstance(event, Mapping) or not isinstance(event.get("id"), str) or not isinstance(event.get("detail", {}), Mapping):
        raise refused("malformed_event", "", "this is no event of EventBridge: it has no id")
    if not _is_text(event):
        raise refused("malformed_event", "", "the event holds what is no text (lone surrogates)")
    detail = event.get("detail", {})
    match event.get("detail-type"):
        case "Scheduled Event":
            return Trigger("schedule", event["id"], "the schedule", _since(event), _mapping(detail, "parameters"))
        case "Object Created":
            return _uploaded(event, detail)
        case "CloudWatch Alarm State Change":
            name = str(detail.get("alarmName", ""))
            if _mapping(detail, "state").get("value") != "ALARM" or not name.startswith(drift_prefix):
                return None
            return _drifted(event, name)
    raise refused("unknown_event", "detail-type", f"{str(event.get('detail-type'))[:100]!r}: no event of this kind starts a training")


def _drifted(event: Mapping[str, Any], alarm: str) -> Trigger:
    """The first alarm of a day (UTC) asks for a training; the others of that day ask for the same one."""
    begin = _EPOCH + (_time(event) - _EPOCH) // DRIFT_PAUSE * DRIFT_PAUSE
    return Trigger("drift", begin.isoformat(), _line(f"alarm {alarm}"), begin - MAX_DELAY)


def _uploaded(event: Mapping[str, Any], detail: Mapping[str, Any]) -> Trigger | None:
    """An upload is complete with its marker, which is written last; other files start nothing."""
    bucket, stored = _mapping(detail, "bucket").get("name"), _mapping(detail, "object")
    key = stored.get("key")
    if not isinstance(bucket, str) or not isinstance(key, str):
        raise refused("malformed_event", "detail", "the event names no bucket and key")
    found = _UPLOAD.fullmatch(key)
    if found is None:
        return None
    version = f"{stored.get('version-id') or stored.get('etag', '')}:{stored.get('sequencer', '')}"
    reason = _line(f"upload {found[1].removeprefix('housing/uploads/').rstrip('/')}")
    return Trigger("upload", f"{bucket}/{key}@{version}", reason, _since(event), upload=(bucket, found[1]))


def _is_text(event: Any) -> bool:
    try:
        json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _line(text: str) -> str:
    """One printable line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


def _mapping(detail: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = detail.get(name, {})
    if not isinstance(value, Mapping):
        raise refused("malformed_event", f"detail.{name}", "is not an object")
    return value


def _since(event: Mapping[str, Any]) -> datetime:
    return _time(event) - MAX_DELAY


def _time(event: Mapping[str, Any]) -> datetime:
    try:
        told = datetime.fromisoformat(str(event.get("time")).replace("Z", "+00:00"))
        told = told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return datetime.now(UTC)
    return told if told >= _EPOCH else datetime.now(UTC)
