"""The scheduled training that stands in `deploy/eks/base`, made from the template so that the two cannot differ."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from pipelines.eks.job import JobRequest, render
from pipelines.eks.request import training
from pipelines.eks.schedule import render_schedule
from pipelines.settings import Settings

NAME = "train-monthly"
CRON = "0 6 2 * *"
"""The day after the month has begun, when last month's prices are there."""
UPLOADS = "housing/uploads/monthly"

_HEAD = """# Made by `python -m pipelines.eks.catalogue` from job/training-job.yaml; the overlays put image, bucket and region in.
# Suspended: prod lets it go. It trains on what lies below housing/uploads/monthly/; unchanged data takes up its own work.
"""


def monthly() -> str:
    """The CronJob as YAML, with the default settings; it does not start until an overlay lets it."""
    return _HEAD + render_schedule(_request(NAME, UPLOADS), CRON, suspend=True)


def example() -> str:
    """A Job as YAML, for whoever checks manifests: the default settings, the image by a digest."""
    request = _request("train-example", "housing/sources/example")
    return render(replace(request, image=f"{request.image.rpartition(':')[0]}@sha256:{'0' * 64}"))


def _request(name: str, source: str) -> JobRequest:
    settings = Settings(account_id="123456789012", region="us-east-1")
    return training(name, f"s3://{settings.bucket}/{source}", settings.horizon_months, settings)


if __name__ == "__main__":
    if sys.argv[1:] == ["job"]:
        sys.stdout.write(example())
    else:
        (Path(__file__).parents[2] / "deploy" / "eks" / "base" / "training" / "cronjob.yaml").write_text(monthly())
