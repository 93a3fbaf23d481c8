"""The command `train`: what SageMaker runs in a training container (`IMAGE train`)."""

from __future__ import annotations

import sys

from training.entry import run_job
from training.jobs.train import train


def main() -> None:
    """Run the training job and exit with its status."""
    sys.exit(run_job(train, "training"))


if __name__ == "__main__":
    main()
