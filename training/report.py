"""What a Train job says while it runs: which origin is done, how good the forecasts are so far, how busy the GPU is."""

from __future__ import annotations

import time

from housing.backtest import Backtest, Progress, join_origins
from housing.panel import Panel
from training.gpu import utilization
from training.log import say
from training.metrics_log import COVERAGE80, EPOCH_SECONDS, GPU_UTILIZATION, SCALED_QUANTILE_LOSS, metric_line
from training.plan import Plan
from training.scores import scores_at


class Report:
    """Plain lines, one event each; an origin of the backtest counts as an epoch."""

    def __init__(self, panel: Panel, plan: Plan) -> None:
        self._panel = panel
        self._scored = frozenset(plan.scored_columns(panel))
        self._finished: list[Backtest] = []
        self._started = time.monotonic()

    def progress(self, progress: Progress) -> None:
        """One member has forecast from one origin."""
        say(f"{progress.done}/{progress.total} {progress.member} from {self._panel.dates[progress.origin]}")

    def finished(self, origins: Backtest) -> None:
        """All members have forecast from these origins. Where the gate scores one of them, the scores up to now follow."""
        self._finished.append(origins)
        now = time.monotonic()
        metrics = [metric_line(EPOCH_SECONDS, now - self._started)]
        self._started = now
        if self._scored.intersection(origins.origins.tolist()):
            everything = join_origins(self._finished)
            loss, coverage = scores_at(self._panel, everything, self._scored.intersection(everything.origins.tolist()))
            metrics += [metric_line(SCALED_QUANTILE_LOSS, loss), metric_line(COVERAGE80, coverage)]
        busy = utilization()
        if busy is not None:
            metrics.append(metric_line(GPU_UTILIZATION, busy))
        say(f"origins up to {self._panel.dates[origins.origins[-1]]} {' '.join(metrics)}")
