"""The report is one page without a request, states the numbers of its input, and survives what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from housing.ablation import Ablation
from housing.backtest import Backtest
from housing.evaluation import Evaluation, evaluate
from housing.forecast import QUANTILES, Forecast
from housing.gate import decide
from housing.labels import DrawdownDefinition
from housing.metrics import Interval
from housing.panel import Panel
from housing.report import write_report
from housing.report.outlook import build_outlooks, change_on_year
from housing.report.svg import Scale, line
from housing.sources import SourceFacts

DEFINITION = DrawdownDefinition(0.10, 4, 20)
ORIGINS = np.arange(60, 92, 2)
NAMES = ("Calm", "Falling", "Risky <b>", "Empty", "Small", "Gappy")


def make_panel() -> Panel:
    """Synthetic: six quarterly regions; one fallen, one without a price, one with gaps."""
    rng = np.random.default_rng(2)
    price = np.exp(5 + np.cumsum(rng.normal(0.01, 0.02, (6, 100)), axis=1))
    price[1, -6:] *= 0.8
    price[3] = np.nan
    price[5, [40, 41, 97, 99]] = np.nan
    return Panel(NAMES, np.datetime64("1995-01", "M") + np.arange(100) * 3, "Q", price)


def make_forecast(panel: Panel) -> Forecast:
    bands = np.linspace(-0.1, 0.1, 9)
    newest = np.array([row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.nan for row in panel.price])
    values = newest[:, None, None] * np.exp(np.tile(bands, (6, 4, 1)) + 0.05)
    probability = np.array([0.02, np.nan, 0.44, np.nan, 0.31, 0.05])
    return Forecast(panel.regions, panel.dates[-1], panel.future_dates(4), QUANTILES, values, probability)


def make_evaluation(panel: Panel, definition: DrawdownDefinition = DEFINITION) -> Evaluation:
    rng = np.random.default_rng(1)
    steps = ORIGINS[:, None] + np.arange(1, 5)
    truth = panel.log_price[:, steps].transpose(1, 0, 2)[..., None]
    error = rng.normal(0, 1, truth.shape)
    bands = np.linspace(-1.3, 1.3, 9)
    values = {
        name: (truth + size * (error + bands)).astype(np.float32)
        for name, size in (("naive", 0.05), ("momentum", 0.06), ("ensemble", 0.03))
    }
    drawdown = {"ensemble": rng.random((len(ORIGINS), 6)) * 0.3, "logistic": rng.random((len(ORIGINS), 6)) * 0.3}
    return evaluate(panel, Backtest(panel.regions, ORIGINS, 4, values, drawdown), definition)


def facts(unit: str = "US dollars, median") -> SourceFacts:
    return SourceFacts("made", "Six made-up markets", "free <licence>", "nobody", "one vintage", unit, DEFINITION)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    panel = make_panel()
    path = tmp_path_factory.mktemp("report") / "report.html"
    explanation: list[dict[str, Any]] = [
        {
            "region": "Risky <b>",
            "price": {"contributions": {"momentum": -0.03, "other methods": 0.01}},
            "drawdown": {"contributions": {"depth": 1.25, "momentum": -0.5}},
        },
        {"region": "Falling", "price": {"contributions": {}}, "drawdown": None},
    ]
    groups = {"season": Interval(1.031, 0.99, 1.07), "local market": Interval(1.142, 1.05, 1.21)}
    ablation = Ablation("linear", ("1998-01", "1998-04"), groups)
    evaluation = make_evaluation(panel)
    write_report(
        path, panel, facts(), evaluation, make_forecast(panel), explanation=explanation, ablation=ablation, gate=decide(evaluation)
    )
    return path.read_text()


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of order, collects text and addresses."""

    VOID = frozenset({"meta", "rect", "line", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "data", "action"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_asks_nothing_of_anyone(page: str) -> None:
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    assert not parser.addresses
    assert "script" not in parser.tags
    assert not re.search(r"https?://|@import|url\(", page)


def test_names_and_licences_are_escaped(page: str) -> None:
    assert "Risky &lt;b&gt;" in page
    assert "free &lt;licence&gt;" in page
    assert "<licence>" not in page


def test_no_undefined_number_is_printed(page: str) -> None:
    assert not re.search(r"\bnan\b|\binf\b|None", page)


def test_the_headline_states_risk_and_accuracy(page: str) -> None:
    panel = make_panel()
    ratio = make_evaluation(panel).member("ensemble").ratio.value
    tiles = re.findall(r'<div class="tile"><strong>(.*?)</strong>', page)
    assert len(tiles) == 4
    assert tiles[1] == "2 of 4"
    assert tiles[2] == f"{1 - ratio:.0%}"
    assert "the highest is Risky &lt;b&gt; with 44%. 1 more is in one already." in page


def test_the_verdict_stands_below_the_headline_with_every_bar(page: str) -> None:
    gate = decide(make_evaluation(make_panel()))
    verdict = page[page.index('class="verdict') : page.index('id="risk"')]
    assert ("May be promoted" if gate.passed else "Must not be promoted") in verdict
    assert "no model is approved yet" in verdict
    assert re.findall(r'<li class="(\w+)">', verdict) == ["met" if bar.passed else "missed" for bar in gate.bars]


def test_a_card_says_what_moves_the_price_and_what_drives_the_risk(page: str) -> None:
    assert "What moves the price" in page
    assert "\N{MINUS SIGN}3.0%" in page
    assert "What drives the risk" in page
    assert "+1.2" in page


def test_every_region_has_its_row_most_at_risk_first(page: str) -> None:
    table = page[page.index('id="regions"') : page.index('id="accuracy"')]
    rows = re.findall(r'<tr><td class="text">(.*?)</td>', table)
    assert rows == ["Risky &lt;b&gt;", "Small", "Gappy", "Calm", "Falling", "Empty"]
    assert "in a drawdown" in table
    assert "not assessed" in table


def test_the_page_explains_its_words_and_its_data(page: str) -> None:
    for words in (
        "falls 10% or more below its peak of the last 20 quarters",
        "Rolling origins: 16 of them",
        "Purge: a past outcome teaches only once its whole horizon of 4 quarters",
        "Vintage: one vintage",
        "logistic regression",
        "drawdown rule (depth alone)",
        "climatology",
        "What the features are worth",
    ):
        assert words in page
    assert page.index("local market</td>") < page.index('<td class="text">season</td>')


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    panel = make_panel()
    evaluation, forecast = make_evaluation(panel), make_forecast(panel)
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, panel, facts(), evaluation, forecast)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.html", "b.html"]


def test_an_index_has_no_dollars(tmp_path: Path) -> None:
    panel = make_panel()
    write_report(tmp_path / "r.html", panel, facts("index"), make_evaluation(panel), make_forecast(panel))
    assert "$" not in (tmp_path / "r.html").read_text()


def test_without_probabilities_the_chapter_is_left_out(tmp_path: Path) -> None:
    panel = make_panel()
    forecast = replace(make_forecast(panel), drawdown_probability=np.full(6, np.nan))
    evaluation = replace(make_evaluation(panel), methods=())
    write_report(tmp_path / "r.html", panel, facts(), evaluation, forecast)
    text = (tmp_path / "r.html").read_text()
    assert "Skill of the drawdown probabilities" not in text
    assert "No drawdown probability was given." in text
    assert "What the features are worth" not in text
    assert not re.search(r"\bnan\b", text)


def test_regions_outside_the_definition_are_indicative_and_ranked_last() -> None:
    panel = make_panel()
    definition = replace(DEFINITION, regions=("Calm", "Falling", "Risky <b>"))
    outlooks = build_outlooks(panel, make_forecast(panel), definition)
    assert [outlook.region for outlook in outlooks] == ["Risky <b>", "Calm", "Falling", "Small", "Gappy", "Empty"]
    assert [outlook.covered for outlook in outlooks] == [True, True, True, False, False, False]


def test_the_change_compares_with_the_same_season_a_year_before() -> None:
    price = np.tile([100.0, 200, 100, 200], 5)[None]
    panel = Panel(("a",), np.datetime64("2000-01", "M") + np.arange(20) * 3, "Q", price)
    values = np.repeat(np.array([110.0, 220, 110, 220])[None, :, None], 9, axis=2)
    forecast = Forecast(
        ("a", "new"), panel.dates[-1], panel.future_dates(4), QUANTILES, np.concatenate([values, values]), np.full(2, np.nan)
    )
    np.testing.assert_allclose(change_on_year(panel, forecast), [[0.1] * 3, [np.nan] * 3])


def test_ticks_are_round_and_inside() -> None:
    assert Scale(0.13, 0.92, 0, 1).ticks(5) == [0.2, 0.4, 0.6, 0.8]
    assert Scale(98_000, 251_000, 0, 1).ticks(4) == [100_000, 150_000, 200_000, 250_000]
    assert Scale(5, 5, 0, 1)(5) == 0.5


def test_a_line_breaks_where_a_value_is_missing() -> None:
    assert line([0, 1, 2, 3], [1, float("nan"), 2, 3], "x") == '<path class="x" d="M0.0 1.0L0.0 1.0M2.0 2.0L3.0 3.0"/>'
    assert line([0], [float("nan")], "x") == ""
