"""Evaluate: score the backtest, decide at the gate, write the record and the report."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from housing import artifact
from housing.ablation import ablate
from housing.atomic import write_atomically
from housing.backtest import Backtest
from housing.errors import DataError
from housing.evaluation import drawdown_backtest
from housing.evaluation import evaluate as score
from housing.forecaster import Forecaster
from housing.gate import Limits, decide
from housing.outputs import write_backtest_csv
from housing.panel import Panel
from housing.report import write_report
from training.arguments import positive_numbers
from training.contract import Container
from training.entry import run_job
from training.facts import read_source_facts
from training.jobs.ensemble import ARCHIVE
from training.log import say

APPROVED = "approved.json"
ABLATION = "--ablation"
"""With it the worth of each group of features is measured too."""


def evaluate(container: Container, argv: Sequence[str] = ()) -> None:
    """`input/{panel,backtest,model,approved}/` to `output/evaluation/`: evaluation.json, report.html, backtest.csv.gz.

    `argv` holds the bars of the gate, see `read_limits`, and `--ablation`.
    """
    limits = read_limits([word for word in argv if word != ABLATION])
    source = container.input("panel")
    panel, facts = Panel.load(source), read_source_facts(source)
    backtest = Backtest.load(container.input("backtest") / "backtest.npz")
    risk = drawdown_backtest(panel, facts.drawdown, backtest)
    evaluation = score(panel, backtest, facts.drawdown, risk=risk, source=facts.name)
    approved = _approved(container.input("approved"))
    gate = decide(evaluation, approved["evaluation"], limits)
    output = container.output("evaluation")
    worth = ablate(panel, backtest.horizon, int(backtest.origins[0])) if ABLATION in argv else None
    content = {
        **evaluation.to_json(),
        "ablation": worth and worth.to_json(),
        "gate": gate.to_json() | {"approved": approved["model_package"]},
    }
    write_atomically(output / "evaluation.json", json.dumps(content, indent=1) + "\n")
    write_backtest_csv(panel, backtest, output / "backtest.csv.gz")
    forecaster = _load(container.input("model") / ARCHIVE)
    explanation = forecaster.explain_known(forecaster.regions)
    forecast = forecaster.forecast_known(forecaster.regions)
    write_report(output / "report.html", panel, facts, evaluation, forecast, explanation=explanation, ablation=worth, gate=gate)
    say(gate.reason)


def read_limits(argv: Sequence[str]) -> Limits:
    """The gate's bars, each with its usual value where it is not given; SettingsError names the argument.

    `--max-loss-ratio R --min-coverage80 C --max-coverage80 C --max-calibration-error E`
    """
    usual = Limits()
    bars = positive_numbers(
        argv,
        max_loss_ratio=usual.loss_ratio,
        min_coverage80=usual.coverage_low,
        max_coverage80=usual.coverage_high,
        max_calibration_error=usual.calibration_error,
    )
    return Limits(bars["max_loss_ratio"], bars["min_coverage80"], bars["max_coverage80"], bars["max_calibration_error"])


def _approved(folder: Path) -> dict[str, Any]:
    """`model_package` (ARN) and `evaluation` of the approved model, both None when there is none."""
    try:
        content = json.loads((folder / APPROVED).read_text())
        return {"model_package": content["model_package"], "evaluation": content["evaluation"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"input approved: {APPROVED} is absent or malformed ({error}); start the pipeline with `housing run`") from error


def _load(archive: Path) -> Forecaster:
    with tempfile.TemporaryDirectory() as folder:
        artifact.unpack(archive, Path(folder))
        return Forecaster.load(Path(folder))


if __name__ == "__main__":
    sys.exit(run_job(lambda container: evaluate(container, sys.argv[1:]), "processing"))
