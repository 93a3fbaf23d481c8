"""Tags on everything that is made, so that a bill can be read and nothing of ours is overlooked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.settings import Settings


def tags(settings: Settings) -> dict[str, str]:
    """Ours, and the user's over them."""
    return {"project": "housing-crisis-ml", "pipeline": settings.pipeline_name, "profile": settings.profile, **settings.tags}


def tag_list(settings: Settings) -> list[dict[str, str]]:
    """The tags as SageMaker, CloudWatch and ECR take them."""
    return [{"Key": key, "Value": value} for key, value in tags(settings).items()]
