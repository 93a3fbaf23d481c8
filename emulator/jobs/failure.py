"""Why a job failed, in the service's words: the kind of error, then what is known."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.archives import ArchiveError
from emulator.containers import ContainerError
from emulator.errors import EmulatorError
from emulator.jobs.layout import LayoutError
from emulator.logs import last_line
from emulator.s3 import ObjectError

LIMIT = 1024
RESTARTED = "InternalServerError: the emulator ended while this job ran. Start the job again."


_log = logging.getLogger(__name__)


class JobError(Exception):
    """The end of a job that failed; the text is its FailureReason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason[:LIMIT])


def algorithm_error(message: str, status: int, log: Path, host: str = "") -> JobError:
    """A container that ended badly: its own message, else the last line that it wrote; `host` where there are several."""
    signal = f" (killed by signal {-status})" if status < 0 else ""
    signal += f" on host {host}" if host else ""
    said = message or last_line(log) or "See job logs for more information"
    tail = f", exit code: {128 - status if status < 0 else status}{signal}"
    return JobError(f"AlgorithmError: {said[: LIMIT - len(tail) - 20]}{tail}")


@contextmanager
def client_errors() -> Iterator[None]:
    """Every error becomes a `JobError`: what a request can get wrong a ClientError, the rest an InternalServerError."""
    try:
        yield
    except (ObjectError, ArchiveError, ContainerError, LayoutError, EmulatorError) as error:
        raise JobError(f"ClientError: {error}") from error
    except OSError as error:
        raise JobError(f"InternalServerError: {error}") from error
    except JobError:
        raise
    except Exception as error:
        _log.exception("a job failed by a fault of the emulator")
        raise JobError("InternalServerError: the emulator failed: its log has the traceback") from error
