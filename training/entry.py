"""Run a job: threads, one line on an expected failure, a traceback in the log for a bug."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Literal

from threadpoolctl import threadpool_limits

from housing.errors import HousingError
from training.contract import MAX_MESSAGE_CHARACTERS, Container
from training.interrupt import EXIT_INTERRUPTED, Interrupted, raise_on_termination
from training.log import say
from training.rendezvous import LostHostError

Kind = Literal["training", "processing"]


def run_job(job: Callable[[Container], None], kind: Kind) -> int:
    """Run `job`; the exit status is 0, 1 after a failure, 75 where another host was lost, 143 after a termination.

    A failure is one line in `output/failure` (training) or `output/message` (processing): the text of a HousingError as it is,
    or the type and text of any other error, whose traceback goes to the log.
    """
    container = Container.from_environment()
    use_threads(thread_count())
    try:
        with raise_on_termination():
            job(container)
    except Interrupted:
        say("interrupted: finished work is in the checkpoint folder, the next run goes on from there")
        return EXIT_INTERRUPTED
    except LostHostError as error:
        fail(container, kind, str(error))
        return os.EX_TEMPFAIL
    except HousingError as error:
        return fail(container, kind, str(error))
    except Exception as error:  # noqa: BLE001 the boundary of the process: everything that a job can raise ends here
        traceback.print_exc()
        return fail(container, kind, f"{type(error).__name__}: {error}")
    return 0


def thread_count() -> int:
    """OMP_NUM_THREADS when it is set, else SageMaker's SM_NUM_CPUS, else the cores this process may use."""
    for name in ("OMP_NUM_THREADS", "SM_NUM_CPUS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0))


def use_threads(count: int) -> None:
    """Hold every numeric library, loaded or still to load, to `count` threads."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)
    threadpool_limits(count)


def fail(container: Container, kind: Kind, reason: str) -> int:
    """Say in the log and where SageMaker looks for it why the job ends; returns the exit status 1."""
    line = " ".join(reason.split())[:MAX_MESSAGE_CHARACTERS]
    path = container.failure_file if kind == "training" else container.message_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line)
    say(f"failed: {line}")
    return 1
