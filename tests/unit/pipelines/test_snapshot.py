"""What the service says of a step, and how it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from pipelines import progress
from pipelines.errors import ExecutionError
from pipelines.follow import require_success
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot, StepState, _state

START = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/housing-forecast/execution/abc"


def snapshot(*steps: StepState, status: str = "Executing", reason: str = "") -> Snapshot:
    return Snapshot(ARN, status, reason, steps)


def test_a_job_step_knows_its_seconds_its_job_and_its_cache_hit() -> None:
    state = _state(
        {
            "StepName": "Prepare",
            "StepStatus": "Succeeded",
            "StartTime": START,
            "EndTime": START + timedelta(seconds=2.5),
            "CacheHitResult": {"SourcePipelineExecutionArn": ARN},
            "Metadata": {"ProcessingJob": {"Arn": "arn:aws:sagemaker:eu-west-1:123456789012:processing-job/prepare-1"}},
        }
    )
    assert (state.seconds, state.cached, state.job_kind, state.job_name) == (2.5, True, "ProcessingJob", "prepare-1")


def test_a_fail_step_says_why() -> None:
    step = {"StepName": "QualityGateMissed", "StepStatus": "Failed", "Metadata": {"Fail": {"ErrorMessage": "missed by 0.1"}}}
    state = _state(step)
    assert (state.reason, state.seconds, state.job_name) == ("missed by 0.1", 0.0, "")


def test_a_log_gets_one_line_per_change() -> None:
    text = StringIO()
    running, done = StepState("Ingest", "Executing", 0.1), StepState("Ingest", "Succeeded", 3.0)
    cached = StepState("Prepare", "Succeeded", 0.0, source_execution=ARN)
    shown = [snapshot(running), snapshot(running), snapshot(done, cached, status="Succeeded")]
    last = progress.show(shown, Console(file=text, force_terminal=False))
    assert text.getvalue().splitlines() == ["Ingest: Executing", "Ingest: Succeeded (3.0 s)", "Prepare: Succeeded (from the cache)"]
    assert last.finished


def test_a_terminal_gets_a_table_with_reasons() -> None:
    text = StringIO()
    failed = StepState("Train-xgboost", "Failed", 3.0, reason="panel: no prices; upload another source")
    console = Console(file=text, force_terminal=True, width=120)
    progress.show([snapshot(failed, status="Failed")], console)
    assert "panel: no prices; upload another source" in text.getvalue()
    assert "Train-xgboost" in text.getvalue()


def test_a_failed_execution_raises_with_the_step_and_its_reason() -> None:
    failed = snapshot(
        StepState("Ingest", "Succeeded", 1.0), StepState("QualityGateMissed", "Failed", 0.0, reason="missed"), status="Failed"
    )
    with pytest.raises(ExecutionError, match=r"^QualityGateMissed failed: missed$"):
        require_success(failed, Settings())


def test_a_stopped_execution_names_the_next_command() -> None:
    with pytest.raises(ExecutionError, match=r"execution stopped: .*housing run"):
        require_success(snapshot(status="Stopped"), Settings())
