"""HOUSING_DISTRIBUTE reaches the Train steps whose fits can be shared by rows, and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from housing.study import DEFAULT_MEMBERS
from pipelines.settings import Settings
from training.choice import SHARED_FITS


def shared(definition: dict[str, Any]) -> set[str]:
    jobs = [step for step in definition["Steps"] if step["Type"] == "Training"]
    return {job["Name"] for job in jobs if "rows" in json.dumps(job["Arguments"]["HyperParameters"].get("distribute", ""))}


def test_rows_are_shared_in_the_steps_of_one_member_that_can(definition: dict[str, Any]) -> None:
    from pipelines.definition.build import build_definition

    assert shared(definition) == set()
    assert shared(build_definition(Settings(distribute="rows"))) == {"Train-xgboost", "Train-neural"}
    together = {"baselines": ("naive",), "boosters": ("xgboost", "catboost")}
    assert shared(build_definition(Settings(distribute="rows", train_steps=together))) == set()


def test_the_definition_and_the_job_agree_on_which_members_can() -> None:
    from pipelines.definition.build import build_definition

    alone = {name: (name,) for name in DEFAULT_MEMBERS}
    assert shared(build_definition(Settings(distribute="rows", train_steps=alone))) == {f"Train-{name}" for name in SHARED_FITS}


def test_another_way_to_distribute_is_refused() -> None:
    with pytest.raises(ValidationError, match="distribute"):
        Settings(distribute="columns")  # type: ignore[arg-type]
