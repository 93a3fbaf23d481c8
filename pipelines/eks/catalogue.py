"""The scheduled training that stands in `deploy/eks/base`, made from the template so that the two cannot differ."""

from __future__ import annotations

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
    settings = Settings(account_id="123456789012", region="us-east-1")
    request = training(NAME, f"s3://{settings.bucket}/{UPLOADS}", settings.horizon_months, settings)
    return _HEAD + render_schedule(request, CRON, suspend=True)


if __name__ == "__main__":
    from pathlib import Path

    (Path(__file__).parents[2] / "deploy/eks/base/training/cronjob.yaml").write_text(monthly())
