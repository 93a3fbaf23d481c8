"""Members trained on a GPU are as good as those trained on the CPU. Runs where there is a GPU."""

from __future__ import annotations

import numpy as np
import pytest

from housing.forecast import QUANTILES
from housing.members import make_member
from housing.members.device import booster_device, gpu_count
from housing.metrics.quantiles import pinball_loss
from housing.panel import Panel

TOLERANCE = {"xgboost": 0.02, "neural": 0.05}
"""Of the loss on the year after the origin, relative."""
GPU = pytest.mark.skipif(not gpu_count(), reason="no GPU here: that GPU and CPU models agree was NOT tested")


def panel() -> Panel:
    draw = np.random.default_rng(5)
    price = np.exp(11 + np.cumsum(0.004 + 0.01 * draw.standard_normal((30, 156)), axis=1))
    return Panel(tuple(f"Town {i}" for i in range(30)), np.datetime64("2002-01", "M") + np.arange(156), "M", price)


def loss(member: str) -> float:
    whole = panel()
    known = whole.until(143)
    forecast = make_member(member, 1).fit(known, 12).predict(known, 12)
    return float(pinball_loss(whole.log_price[:, 144:156], forecast, QUANTILES).mean())


@GPU
@pytest.mark.parametrize("member", list(TOLERANCE))
def test_gpu_and_cpu_models_are_equally_good(member: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpu = loss(member)
    monkeypatch.setenv("HOUSING_DEVICE", "cpu")
    assert on_gpu == pytest.approx(loss(member), rel=TOLERANCE[member])


def test_one_setting_turns_the_gpu_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("housing.members.device.gpu_count", lambda: 1)
    monkeypatch.setattr("xgboost.build_info", lambda: {"USE_CUDA": True})
    assert booster_device() == "cuda"
    monkeypatch.setenv("HOUSING_DEVICE", "cpu")
    assert booster_device() == "cpu"
    monkeypatch.delenv("HOUSING_DEVICE")
    monkeypatch.setattr("xgboost.build_info", lambda: {"USE_CUDA": False})
    assert booster_device() == "cpu"
