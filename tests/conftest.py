"""One tiny synthetic model for all tests that need a trained one: made by the real jobs, once per session."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

MEMBERS = ("naive", "drift", "momentum")
TEST_IMAGE = "sha256:test"
"""Stands for the code in content keys, so that they stay the same while the code is being edited."""


def synthetic_frame(regions: int = 6, periods: int = 120, seed: int = 3) -> dict[str, np.ndarray]:
    """A long table of made-up prices with trend, season, noise and a slump; a covariate and a national column."""
    rng = np.random.default_rng(seed)
    months = np.datetime64("2005-01", "M") + np.arange(periods)
    season = 0.03 * np.sin(2 * np.pi * np.arange(periods) / 12)
    steps = 0.004 + 0.012 * rng.standard_normal((regions, periods))
    steps[:, 50:62] -= 0.03
    price = np.exp(11 + 0.2 * np.arange(regions)[:, None] + np.cumsum(steps, axis=1) + season)
    return {
        "region": np.repeat([f"Town {chr(65 + row)}" for row in range(regions)], periods),
        "date": np.tile(months.astype("datetime64[D]").astype(str), regions),
        "price": np.round(price, 2).ravel(),
        "sales": np.round(50 + 10 * rng.random((regions, periods)), 1).ravel(),
        "cpi": np.tile(np.round(200 * 1.0016 ** np.arange(periods), 3), regions),
    }


def write_synthetic_source(folder: Path, **shape: int) -> None:
    """`panel.csv.gz` and `source.json`, as a caller uploads them."""
    columns = synthetic_frame(**shape)
    rows = zip(*columns.values(), strict=True)
    text = ",".join(columns) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "panel.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    drawdown = {"threshold": 0.05, "horizon": 12, "peak_window": 60, "smoothing": 3, "deflator": "cpi", "regions": None}
    facts = {"name": "synthetic", "title": "Six made-up towns", "licence": "none, synthetic", "attribution": "none", "vintage": "none"}
    facts |= {"unit": "made-up money", "drawdown": drawdown, "lags": {"sales": 1, "cpi": 1}, "national": ["cpi"], "sha256": ""}
    (folder / "source.json").write_text(json.dumps(facts))


@dataclass(frozen=True)
class Road:
    """Folders that hold the outputs of each job, as SageMaker would pass them on."""

    source: Path
    prepared: Path
    requests: Path
    trained: Path
    backtest: Path
    archive: Path
    evaluation: Path
    model: Path


def run_road(root: Path, members: tuple[str, ...] = MEMBERS) -> Road:
    """All jobs in this process, each under a base folder of its own."""
    from training.contract import Container
    from training.jobs.ensemble import ensemble
    from training.jobs.evaluate import evaluate
    from training.jobs.ingest import ingest
    from training.jobs.prepare import prepare
    from training.jobs.train import train

    base = {name: Container(root / name) for name in ("ingest", "prepare", "train", "ensemble", "evaluate")}
    inputs = {name: container.root / "processing" / "input" for name, container in base.items()}
    write_synthetic_source(inputs["ingest"] / "source")
    ingest(base["ingest"])
    shutil.copytree(base["ingest"].output("panel"), inputs["prepare"] / "panel")
    prepare(base["prepare"], ["--horizon", "6", "--origins", "4"])
    prepared = base["prepare"].output("prepared")
    shutil.copytree(prepared, root / "train" / "input" / "data" / "panel")
    (root / "train" / "input" / "config").mkdir()
    (root / "train" / "input" / "config" / "hyperparameters.json").write_text(json.dumps({"members": ",".join(members), "seed": "1"}))
    train(base["train"])
    (inputs["ensemble"] / "train-all").mkdir(parents=True)
    with tarfile.open(inputs["ensemble"] / "train-all" / "model.tar.gz", "w:gz") as tar:
        tar.add(base["train"].model, arcname=".")
    shutil.copytree(prepared, inputs["ensemble"] / "panel")
    ensemble(base["ensemble"])
    for name in ("model", "backtest"):
        shutil.copytree(base["ensemble"].output(name), inputs["evaluate"] / name)
    shutil.copytree(prepared, inputs["evaluate"] / "panel")
    (inputs["evaluate"] / "approved").mkdir()
    (inputs["evaluate"] / "approved" / "approved.json").write_text('{"model_package": null, "evaluation": null}')
    evaluate(base["evaluate"])
    archive = base["ensemble"].output("model") / "model.tar.gz"
    with tarfile.open(archive) as tar:
        tar.extractall(root / "model", filter="data")
    return Road(
        source=inputs["ingest"] / "source",
        prepared=prepared,
        requests=base["prepare"].output("requests") / "requests.jsonl",
        trained=base["train"].model,
        backtest=base["ensemble"].output("backtest") / "backtest.npz",
        archive=archive,
        evaluation=base["evaluate"].output("evaluation"),
        model=root / "model",
    )


@pytest.fixture(scope="session")
def synthetic_road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """The outputs of the whole road on a synthetic panel with the three baselines. Not to be written to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOUSING_IMAGE_DIGEST", TEST_IMAGE)
        return run_road(tmp_path_factory.mktemp("road"))


@pytest.fixture(scope="session")
def synthetic_model(synthetic_road: Road) -> Path:
    """The folder of the artifact. Not to be written to."""
    return synthetic_road.model


@pytest.fixture
def synthetic_source(tmp_path: Path) -> Path:
    """A fresh source folder of a synthetic panel."""
    write_synthetic_source(tmp_path / "source")
    return tmp_path / "source"
