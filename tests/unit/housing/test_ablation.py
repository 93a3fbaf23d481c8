"""An ablation says what a group of features is worth out of sample: a covariate that leads prices counts, noise does not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from housing.ablation import COVARIATES, Ablation, ablate
from housing.panel import Panel


def leading_panel(periods: int = 132) -> Panel:
    """Synthetic: the price follows `leader` a year later; `noise_only` says nothing."""
    rng = np.random.default_rng(2)
    leader = 0.05 * rng.standard_normal((14, periods)).cumsum(axis=1)
    followed = np.concatenate([np.repeat(leader[:, :1], 12, axis=1), leader[:, :-12]], axis=1)
    price = np.exp(11 + followed + 0.01 * rng.standard_normal(leader.shape))
    months = np.datetime64("2000-01", "M") + np.arange(periods)
    covariates = {"leader": np.exp(leader), "noise_only": np.exp(rng.standard_normal(leader.shape))}
    return Panel(tuple(f"r{i}" for i in range(14)), months, "M", price, covariates)


@pytest.fixture(scope="module")
def worth() -> Ablation:
    found = ablate(leading_panel(), 6, before=108)
    assert found is not None
    return found


def test_what_leads_prices_is_worth_more_than_noise(worth: Ablation) -> None:
    assert worth.groups["leader"].low > 1.01
    assert abs(worth.groups["noise_only"].value - 1) < 0.02
    assert worth.groups["leader"].value > worth.groups["noise_only"].value


def test_groups_are_those_of_the_panel_and_all_covariates_together(worth: Ablation) -> None:
    assert set(worth.groups) == {"momentum", "trend", "noise", "market", "leader", "noise_only", COVARIATES}
    alone = ablate(leading_panel().without_covariates(), 6, before=108)
    assert alone is not None
    assert set(alone.groups) == {"momentum", "trend", "noise", "market"}


def test_every_origin_lies_after_its_fit_and_has_a_future(worth: Ablation) -> None:
    assert worth.origins[0] == "2006-01"
    assert len(worth.origins) == 12
    assert worth.origins[-1] == "2008-10"


def test_a_history_too_short_for_a_fit_has_no_ablation() -> None:
    assert ablate(leading_panel(70), 6, before=48) is None


def test_the_record_is_json(worth: Ablation) -> None:
    facts = json.loads(json.dumps(worth.to_json(), allow_nan=False))
    assert facts["member"] == "linear"
    assert facts["groups"]["leader"]["value"] == worth.groups["leader"].value
