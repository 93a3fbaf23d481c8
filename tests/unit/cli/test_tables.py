"""What people read on the terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

from cli.tables import headline, prediction_table, ranking_table
from pipelines.transform import LEVELS, Row


def text_of(renderable: RenderableType) -> str:
    out = StringIO()
    Console(file=out, width=80).print(renderable)
    return out.getvalue()


def test_a_prediction_shows_its_quantiles_and_its_probability() -> None:
    quantiles = {level: [100_000 * (1 + float(level)), 200_000.0] for level in LEVELS}
    prediction = {"item_id": "Austin", "start": "2015-08-01", "drawdown_probability": 0.042, "model_version": "v1", **quantiles}
    shown = text_of(prediction_table(prediction))
    assert "Austin: price from August 2015" in shown
    assert "110,000" in shown
    assert "probability of a price drawdown: 4.2%; model v1" in shown
    assert "not defined" in text_of(prediction_table(prediction | {"drawdown_probability": None}))


def test_the_ranking_starts_with_the_region_most_at_risk_at_the_end_of_the_horizon() -> None:
    def rows(region: str, probability: float | None) -> list[Row]:
        months = ("2015-08-01", "2015-09-01")
        return [Row(region, month, step, tuple([float(step)] * 9), probability) for step, month in enumerate(months, start=1)]

    lines = text_of(ranking_table([*rows("Calm", 0.01), *rows("Unknown", None), *rows("Risky", 0.3)])).splitlines()
    assert lines[0] == "3 of 3 regions, most at risk first; prices 2 periods ahead (2015-09)"
    assert [line.split()[0] for line in lines[2:]] == ["Risky", "Calm", "Unknown"]
    assert lines[2].split()[1:] == ["30.0%", "2", "2", "2"]


def test_the_headline_has_the_two_numbers_of_the_gate() -> None:
    evaluation = {"gate": {"loss_ratio": 0.664, "coverage80": 0.806}}
    assert headline(evaluation) == "quantile loss 0.66 of the best baseline's; the 80% interval held 81% of the prices of the backtest"
