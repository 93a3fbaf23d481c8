"""The command `train`: what SageMaker runs in a training container (`IMAGE train`)."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from housing.errors import HousingError
from housing.members.device import gpu_count
from training.choice import Choice
from training.contract import Container
from training.entry import run_job
from training.jobs.train import train
from training.launch import launch
from training.team import torchrun


def main() -> None:
    """Run the training job and exit with its status; where a network is trained by several processes, torchrun starts them."""
    words = _torchrun()
    if words is not None:
        sys.exit(launch(words))
    status = run_job(train, "training")
    if "RANK" in os.environ:
        _end_at_once(status)
    sys.exit(status)


def _end_at_once(status: int) -> NoReturn:
    """End a process of torchrun without the interpreter's own end, which a thread that gloo left may abort when all is written."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _torchrun() -> list[str] | None:
    container = Container.from_environment()
    processes = 1 if os.environ.get("HOUSING_DEVICE") == "cpu" else max(1, gpu_count())
    try:
        return torchrun(container, Choice.read(container.hyperparameters()), processes)
    except HousingError:  # the job itself will say so, in the file where it is looked for
        return None


if __name__ == "__main__":
    main()
