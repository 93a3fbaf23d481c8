"""The neural member answers for every history, repeats itself to the byte, and learns what there is to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from housing.errors import ArtifactError, DataError, SettingsError  # noqa: E402
from housing.features.market import Market  # noqa: E402
from housing.forecast import QUANTILES  # noqa: E402
from housing.members import load_member, make_member  # noqa: E402
from housing.members.device import choose_device, reproducible  # noqa: E402
from housing.members.neural import Neural  # noqa: E402
from housing.members.neural.inputs import Encoder  # noqa: E402
from housing.members.neural.network import Shape, initial_parameters, pinball, quantiles  # noqa: E402
from housing.members.neural.training import Rows, Schedule, Training  # noqa: E402
from housing.members.rows import STEP_FEATURES  # noqa: E402
from housing.panel import Panel  # noqa: E402

SMALL = {"steps": 30, "rows": 1500}


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_DEVICE", "cpu")


def random_panel(frequency: str = "M", regions: int = 6, periods: int = 72, seed: int = 1) -> Panel:
    generator = np.random.default_rng(seed)
    price = 1e5 * np.exp(np.cumsum(generator.normal(0.004, 0.02, (regions, periods)), axis=1))
    sales = np.exp(generator.normal(5, 0.3, (regions, periods)))
    step = {"M": 1, "Q": 3}[frequency]
    dates = np.datetime64("2000-01", "M") + np.arange(periods) * step
    return Panel(tuple(f"r{i}" for i in range(regions)), dates, frequency, price, {"sales": sales})  # type: ignore[arg-type]


@pytest.mark.parametrize("frequency", ["M", "Q"])
def test_every_region_with_a_price_has_an_ascending_finite_path(frequency: str) -> None:
    panel = random_panel(frequency)
    panel.price[0, 20:27] = np.nan
    panel.price[1, :-1] = np.nan
    panel.price[2, :-5] = np.nan
    panel.price[3] = 2e5
    panel.price[4] = np.nan
    panel.covariates["sales"][0, 30:] = np.nan
    answer = Neural(**SMALL).fit(panel, 12).predict(panel, 12)
    assert answer.shape == (6, 12, 9)
    assert np.isnan(answer[4]).all()
    rest = np.delete(answer, 4, axis=0)
    assert np.isfinite(rest).all()
    assert (np.diff(rest, axis=-1) >= 0).all()


def test_a_region_alone_or_unseen_or_without_covariates_is_forecast() -> None:
    panel = random_panel()
    member = Neural(**SMALL).fit(panel, 6)
    np.testing.assert_array_equal(member.predict(panel.select(["r2"]), 6, Market.of(panel))[0], member.predict(panel, 6)[2])
    stranger = random_panel(regions=1, seed=9).without_covariates()
    assert np.isfinite(member.predict(stranger, 6, Market.of(panel))).all()
    assert np.isfinite(Neural(**SMALL).fit(panel.select(["r0"]), 6).predict(panel.select(["r0"]), 6)).all()


def test_one_seed_gives_the_same_bytes_another_seed_others_and_loading_changes_nothing(tmp_path: Path) -> None:
    panel = random_panel()
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        make_member("neural", seed=seed, **SMALL).fit(panel, 4).save(tmp_path / folder)
    content = {f: sorted((path.name, path.read_bytes()) for path in (tmp_path / f).iterdir()) for f in "abc"}
    assert content["a"] == content["b"] != content["c"]
    loaded = load_member("neural", tmp_path / "a").predict(panel, 4)
    np.testing.assert_array_equal(loaded, Neural(**SMALL).fit(panel, 4).predict(panel, 4))


def test_an_interrupted_training_goes_on_as_if_it_had_not_been() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = Rows(torch.randn(200, 5, generator=generator), torch.randn(200, generator=generator), torch.ones(200))
    shape, schedule = Shape(2, 5, 8, 1), Schedule(12, 32, 0.01, 0.1, 0.2, 0.2)
    begin = lambda: Training.begin(shape, schedule, 3, torch.device("cpu"))  # noqa: E731
    whole, first, second = begin(), begin(), begin()
    while first.done < 5:
        first.step(rows)
    second.restore(first.state())
    expected, resumed = whole.run(rows), second.run(rows)
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


def test_quantiles_cannot_cross_whatever_the_parameters() -> None:
    generator = torch.Generator().manual_seed(0)
    parameters = initial_parameters(Shape(2, 4, 8, 2), generator)
    wild = {name: 50 * torch.randn(value.shape, generator=generator) for name, value in parameters.items()}
    answer = quantiles(wild, torch.randn(100, 4, generator=generator))
    assert answer.shape == (2, 100, len(QUANTILES))
    assert (answer.diff(dim=-1) >= 0).all()


def test_the_loss_is_least_at_the_true_quantiles() -> None:
    actual = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    truth = torch.quantile(actual, torch.tensor(QUANTILES))
    best = pinball(actual, truth.expand(len(actual), -1)).mean()
    assert best < pinball(actual, (truth + 0.05).expand(len(actual), -1)).mean()
    assert best < pinball(actual, (truth * 1.1).expand(len(actual), -1)).mean()


def test_a_covariate_that_leads_the_price_is_learned() -> None:
    generator = np.random.default_rng(4)
    pressure = np.repeat(generator.choice([-1.0, 1.0], (40, 12)), 12, axis=1)
    growth = 0.02 * np.roll(pressure, 6, axis=1) + generator.normal(0, 0.01, pressure.shape)
    dates = np.datetime64("2000-01", "M") + np.arange(pressure.shape[1])
    price = 1e5 * np.exp(np.cumsum(growth, axis=1))
    panel = Panel(tuple(f"r{i}" for i in range(40)), dates, "M", price, {"pressure": pressure}).until(137)
    member = Neural(rows=3000, steps=150).fit(panel, 6)
    rise = member.predict(panel, 6)[:, 5, 4] - panel.log_price[:, -1]
    rising = panel.covariates["pressure"][:, -1] > 0
    assert rise[rising].mean() > rise[~rising].mean() + 0.02


def test_a_missing_or_far_feature_is_masked_or_bounded() -> None:
    names = ("growth", "years_known", "market_growth", *STEP_FEATURES)
    features = np.random.default_rng(0).normal(size=(50, len(names))).astype(np.float32)
    encoder = Encoder.of(features, names)
    odd = features[:2].copy()
    odd[0, 0], odd[1, 0] = np.nan, 1e6
    inputs = encoder.encode(odd)
    assert inputs.shape == (2, encoder.width)
    assert np.isfinite(inputs).all()
    assert inputs[0, 0] == 0
    assert inputs[1, 0] <= 2
    odd[:, 1:3] = 99
    np.testing.assert_array_equal(encoder.encode(odd), inputs)


def test_the_device_is_chosen_in_one_place_and_the_process_keeps_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device().type == "cpu"
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    with reproducible(choose_device(), threads=1):
        assert (torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()) == (True, 1)
    assert (torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()) == before
    monkeypatch.setenv("HOUSING_DEVICE", "tpu")
    with pytest.raises(SettingsError, match="HOUSING_DEVICE 'tpu': must be one of auto, cpu, cuda"):
        choose_device()


def test_what_cannot_be_done_is_refused_with_a_reason(tmp_path: Path) -> None:
    panel = random_panel()
    with pytest.raises(SettingsError, match="not fitted"):
        Neural().save(tmp_path)
    with pytest.raises(DataError, match="too few to train neural"):
        Neural().fit(panel.until(8), 4)
    Neural(**SMALL).fit(panel, 3).save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ArtifactError, match="train neural again"):
        Neural.load(tmp_path)
