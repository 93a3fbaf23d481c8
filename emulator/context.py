"""What every operation is given: where this emulator keeps things, who it says it is, and its long-lived parts."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from emulator.errors import EmulatorError
from emulator.images import Images
from emulator.store import Store

ACCESS_KEY, SECRET_KEY = "emulator", "emulator"  # requests must be signed; the signature is never checked
PartT = TypeVar("PartT")


class _Closable(Protocol):
    def close(self) -> None: ...


@dataclass
class Context:
    """One running emulator.

    Parameters
    ----------
    store
        The records.
    home
        The state directory; jobs, logs and the records live under it.
    region, account
        What ARNs are made of.
    endpoint_url
        Where this emulator answers, for its jobs and its own S3 access.
    images
        What runs in place of each container image.
    wait_scale
        Factor on the waits that only imitate the service (retry back-off, Spot restart): EMULATOR_WAIT_SCALE, else 1.
    stop_grace_seconds
        How long a job that is told to stop may take between SIGTERM and SIGKILL: EMULATOR_STOP_GRACE_SECONDS, else 120.
    sandbox
        How jobs are kept to files of their own, `process`, `mount` or `docker`: EMULATOR_SANDBOX, else `process`.
    closing
        Set when the emulator ends: what runs now leaves its record as it is, and is marked as failed at the next start.
    """

    store: Store
    home: Path
    region: str
    account: str
    endpoint_url: str
    images: Images
    wait_scale: float = field(default_factory=lambda: _setting("EMULATOR_WAIT_SCALE", 1.0))
    stop_grace_seconds: float = field(default_factory=lambda: _setting("EMULATOR_STOP_GRACE_SECONDS", 120.0))
    sandbox: str = field(default_factory=lambda: os.environ.get("EMULATOR_SANDBOX", "process"))
    closing: threading.Event = field(default_factory=threading.Event, repr=False)
    _parts: dict[type[Any], Any] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def part(self, kind: type[PartT]) -> PartT:
        """The one long-lived `kind` of this emulator, made as `kind(context)` at its first use and closed with the context.

        Raises
        ------
        EmulatorError
            When it would be made while the emulator ends.
        """
        with self._lock:
            if kind not in self._parts:
                if self.closing.is_set():
                    raise EmulatorError("the emulator is ending")
                self._parts[kind] = cast(Any, kind)(self)
            return cast(PartT, self._parts[kind])

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """The ARN of a resource such as `pipeline/name`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def environment(self) -> dict[str, str]:
        """The variables that lead a job's AWS clients to this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def close(self) -> None:
        """Close the long-lived parts, last made first, then the store."""
        self.closing.set()
        with self._lock:
            parts = [part for part in reversed(self._parts.values()) if hasattr(part, "close")]
        for part in cast(list[_Closable], parts):
            part.close()
        self.store.close()


def _setting(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise EmulatorError(f"{name} must be a number, not {text!r}") from None
