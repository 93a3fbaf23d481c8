"""The three deployment patterns: settings with their reasons, and the usage that their price is made of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, NonNegativeFloat

ProfileName = Literal["batch", "realtime", "hybrid"]
NAMES: tuple[ProfileName, ...] = get_args(ProfileName)
DEFAULT: ProfileName = "hybrid"
FOLDER = Path(__file__).with_name("profiles")

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Choice(BaseModel):
    """A setting that the profile chooses; the environment overrides it."""

    model_config = _STRICT

    value: bool | int | float | str
    why: str


class Quantity(BaseModel):
    """A monthly quantity, or one per run or request, that the estimate multiplies by a price."""

    model_config = _STRICT

    value: NonNegativeFloat
    why: str


class Usage(BaseModel):
    """What a month is taken to hold. Times are in the unit of the name, requests and runs per month of 730 hours."""

    model_config = _STRICT

    busy_instances: Quantity
    busy_hours: Quantity
    runs: Quantity
    processing_minutes: Quantity
    training_minutes: Quantity
    transform_minutes: Quantity
    gpu_batch_hours: Quantity
    gpu_requests: Quantity
    cpu_requests: Quantity
    cpu_seconds_per_request: Quantity
    kib_per_request: Quantity
    function_seconds: Quantity
    s3_gib: Quantity
    image_gib: Quantity
    log_gib: Quantity
    secrets: Quantity


class Profile(BaseModel):
    """One pattern."""

    model_config = _STRICT

    name: ProfileName
    summary: str
    settings: dict[str, Choice]
    usage: Usage

    def values(self) -> dict[str, Any]:
        """The chosen settings, by name."""
        return {name: choice.value for name, choice in self.settings.items()}


@lru_cache
def load(name: ProfileName) -> Profile:
    """The profile of that name."""
    return Profile.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()))
