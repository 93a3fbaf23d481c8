"""Commands that need no emulator."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli import doctor
from pipelines.errors import DefinitionError

Housing = Callable[..., Any]
GOLDEN = Path(__file__).parents[2] / "golden" / "pipeline.json"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three towns, 2005-01 to 2012-12, with a covariate."""
    rng = np.random.default_rng(1)
    path: Path = tmp_path_factory.mktemp("table") / "towns.csv"
    with path.open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["region", "date", "price", "sales"])
        for town in "ABC":
            prices = 100_000 * np.exp(np.cumsum(0.01 * rng.standard_normal(96)))
            for month, price in enumerate(prices):
                writer.writerow([town, f"{2005 + month // 12}-{month % 12 + 1:02d}-01", round(price, 2), 50])
    return path


def test_a_backtest_writes_every_member_region_and_origin(housing: Housing, table: Path, tmp_path: Path) -> None:
    words = ["--panel", str(table), "--lag", "sales=1", "--horizon", "3", "--origins", "2011-01,2011-07,...,2012-01"]
    done = housing("backtest", *words, "--members", "naive,drift", "--drawdown", "0.10", "--out", str(tmp_path / "out.csv"))
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert list(rows[0]) == ["member", "region", "origin", "date", "horizon", "quantile", "value"]
    assert {row["member"] for row in rows} == {"naive", "drift", "ensemble"}
    assert {row["origin"] for row in rows} == {"2011-01-01", "2011-07-01", "2012-01-01"}
    assert len(rows) == 3 * 3 * 3 * 3 * 9
    assert (tmp_path / "drawdown.csv").read_text().startswith("member,region,origin,probability\n")
    assert "backtest: " in done.output


def test_the_prices_alone_give_the_same_naive_forecast(housing: Housing, table: Path, tmp_path: Path) -> None:
    words = ["--panel", str(table), "--horizon", "3", "--origins", "2012-01", "--members", "naive"]
    for covariates in ("all", "none"):
        done = housing("backtest", *words, "--covariates", covariates, "--out", str(tmp_path / f"{covariates}.csv"))
        assert done.exit_code == 0, done.output
    assert (tmp_path / "all.csv").read_text() == (tmp_path / "none.csv").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["backtest", "--origins", "soon", "--out", "x.csv"],
        ["backtest", "--origins", "2011-01", "--lag", "sales", "--out", "x.csv"],
        ["predict"],
        ["pipeline", "validate", "absent.json"],
        ["dance"],
    ],
)
def test_a_wrong_command_line_ends_with_status_2(housing: Housing, words: list[str]) -> None:
    assert housing(*words).exit_code == 2


def test_the_golden_definition_has_no_faults(housing: Housing) -> None:
    done = housing("pipeline", "validate", str(GOLDEN))
    assert (done.exit_code, "no faults" in done.output) == (0, True)


def test_a_spoiled_definition_is_refused_by_step_and_field(housing: Housing, tmp_path: Path) -> None:
    spoiled = json.loads(GOLDEN.read_text())
    spoiled["Steps"][0]["Arguments"]["Colour"] = "red"
    (tmp_path / "spoiled.json").write_text(json.dumps(spoiled))
    done = housing("pipeline", "validate", str(tmp_path / "spoiled.json"))
    assert (done.exit_code, "Ingest.Colour: " in done.output) == (1, True)


def test_a_python_of_another_version_is_a_fault() -> None:
    assert doctor.python_fault((3, 11)) is None
    assert "3.12 runs, 3.11 is needed" in str(doctor.python_fault((3, 12)))


def test_a_full_disk_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor.disk_fault(tmp_path) is None
    monkeypatch.setattr(doctor, "NEEDED_FREE_GIB", 1e9)
    assert "make room" in str(doctor.disk_fault(tmp_path))


def test_an_emulator_that_is_down_is_a_fault(housing: Housing, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(name, value)
    done = housing("doctor")
    assert (done.exit_code, "housing local up --detach" in done.output) == (1, True)


def test_an_expected_error_is_one_line_and_a_bug_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from cli import main

    def fail(error: Exception) -> None:
        def app() -> None:
            raise error

        monkeypatch.setattr(main, "app", app)

    fail(DefinitionError("Ingest.Colour: no such member"))
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "housing: Ingest.Colour: no such member\n"
    fail(KeyError("a bug"))
    with pytest.raises(KeyError):
        main.main()
