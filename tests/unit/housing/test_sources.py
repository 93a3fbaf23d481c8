"""The bundled panel is what its facts say, and every source reaches the Ingest job unchanged."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from housing.errors import DataError, SettingsError
from housing.labels import onset_labels
from housing.sources import Source, TableSource, TexasSource, open_source, read_source_folder, texas, write_source_folder


def test_the_bundled_panel_has_46_areas_and_187_months() -> None:
    panel = open_source("texas").load()
    assert panel.price.shape == (46, 187)
    assert (str(panel.dates[0]), str(panel.dates[-1]), panel.frequency) == ("2000-01", "2015-07", "M")
    assert list(panel.covariates) == ["sales", "volume", "listings", "inventory"]
    assert int(np.isnan(panel.price).sum()) == 616


def test_bundled_numbers_are_those_that_were_published() -> None:
    panel = open_source("texas").load()
    row, column = panel.regions.index("Abilene"), panel.index("2000-02")
    values = [panel.price[row, column], *(panel.covariates[name][row, column] for name in ("sales", "volume", "listings", "inventory"))]
    assert values == [58700, 98, 6505000, 746, 6.6]
    assert panel.national["core_cpi"][panel.index("2015-07")] == pytest.approx(242.4, abs=0.5)


def test_only_the_price_index_is_published_late() -> None:
    panel = open_source("texas").load()
    assert panel.lags == {"core_cpi": 1}
    known = panel.until(100)
    assert np.isnan(known.national["core_cpi"][-1])
    assert np.isfinite(known.covariates["sales"][:, -1]).any()


def test_the_bundled_drawdown_has_394_onset_rows_in_29_areas() -> None:
    source = TexasSource()
    definition = source.facts().drawdown
    labels = onset_labels(source.load(), definition)
    assert len(definition.regions or ()) == 29
    assert int(np.nansum(labels)) == 394
    assert np.nanmean(labels) == pytest.approx(0.0975, abs=1e-3)


def test_an_altered_bundled_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = tmp_path / "texas.csv.gz"
    altered.write_bytes(gzip.compress(gzip.decompress(texas.TEXAS_TABLE.read_bytes()).replace(b"71400", b"71401")))
    monkeypatch.setattr(texas, "TEXAS_TABLE", altered)
    with pytest.raises(DataError, match="sha256 differs"):
        TexasSource().load()


def test_the_notice_stands_beside_the_data() -> None:
    notice = texas.DATA.joinpath("NOTICE").read_text()
    assert "Permission is hereby granted" in notice
    assert "Bureau of Labor Statistics" in notice


@pytest.mark.parametrize("kind", ["texas", "table"])
def test_a_source_folder_gives_back_panel_and_facts(kind: str, tmp_path: Path) -> None:
    source: Source = TexasSource() if kind == "texas" else own_table(tmp_path)
    write_source_folder(source, tmp_path / "folder")
    panel, facts = read_source_folder(tmp_path / "folder")
    assert facts == source.facts()
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["panel.csv.gz", "source.json"]
    np.testing.assert_array_equal(panel.price, source.load().price)
    assert panel.lags == source.load().lags


def own_table(folder: Path) -> TableSource:
    path = folder / "mine.csv"
    path.write_text(
        "region,date,price,rents\n" + "".join(f"x,20{y}Q{q},{100 + y + q / 7},{q}\n" for y in range(10, 13) for q in (1, 2, 3, 4))
    )
    return TableSource(path, {"rents": 1})


def test_the_address_of_a_source_changes_with_the_data_alone(tmp_path: Path) -> None:
    source = own_table(tmp_path)
    first = write_source_folder(source, tmp_path / "a")
    assert write_source_folder(own_table(tmp_path), tmp_path / "b") == first
    source.path.write_text(source.path.read_text().replace("2010Q1,110", "2010Q1,111"))
    assert write_source_folder(TableSource(source.path, {"rents": 1}), tmp_path / "c") != first
    assert write_source_folder(TableSource(source.path, {"rents": 2}), tmp_path / "d") != write_source_folder(
        TableSource(source.path, {"rents": 1}), tmp_path / "e"
    )


def test_facts_of_a_table_follow_its_frequency(tmp_path: Path) -> None:
    facts = own_table(tmp_path).facts()
    assert facts.name == "mine"
    assert (facts.drawdown.horizon, facts.drawdown.peak_window) == (4, 20)
    assert facts.lags == {"rents": 1}


def test_a_source_is_found_by_name_or_path(tmp_path: Path) -> None:
    path = own_table(tmp_path).path
    assert open_source(path, {"rents": 1}).load().lags == {"rents": 1}
    with pytest.raises(SettingsError, match="neither the bundled source 'texas' nor a file"):
        open_source("atlantis")
    with pytest.raises(SettingsError, match="states its own lags"):
        open_source("texas", {"sales": 1})


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ("{", "absent or not JSON"),
        ("{}", "'drawdown' is missing"),
        (json.dumps({"drawdown": {"threshold": 0.1}}), "drawdown definition"),
        (json.dumps({"drawdown": {"threshold": 0.1, "horizon": 1, "peak_window": 9}, "colour": 1}), "colour"),
    ],
)
def test_malformed_facts_are_refused(facts: str, message: str, tmp_path: Path) -> None:
    write_source_folder(own_table(tmp_path), tmp_path / "folder")
    (tmp_path / "folder" / "source.json").write_text(facts)
    with pytest.raises(DataError, match=message):
        read_source_folder(tmp_path / "folder")


def test_a_folder_without_its_table_is_refused(tmp_path: Path) -> None:
    write_source_folder(own_table(tmp_path), tmp_path / "folder")
    (tmp_path / "folder" / "panel.csv.gz").unlink()
    with pytest.raises(DataError, match="not found"):
        read_source_folder(tmp_path / "folder")


def test_the_recorded_hash_is_that_of_the_bundled_file() -> None:
    assert TexasSource().facts().sha256 == hashlib.sha256(texas.TEXAS_TABLE.read_bytes()).hexdigest()
