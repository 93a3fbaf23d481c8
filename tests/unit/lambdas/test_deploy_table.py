"""The table of forecasts follows the model into service: at once, when its execution has ended, or with the reason why never."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.deploy import table, update
from lambdas.deploy.desk import Desk
from lambdas.deploy.events import Decision, End
from lambdas.deploy.records import Record, Records
from pipelines import precomputed, registry, results, snapshot
from pipelines.registry import ModelPackage
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot, StepState

ARN = "arn:aws:sagemaker:us-east-1:1:model-package/housing-forecast/3"
EXECUTION = "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Sets how far the execution is: its status, and that of Forecast (empty: not begun)."""
    monkeypatch.setattr(results, "predictions", lambda *_: iter([{"item_id": "A"}]))
    monkeypatch.setattr(results, "months_per_period", lambda *_: 1)
    monkeypatch.setattr(precomputed, "publish", lambda *_: None)

    def put(status: str, forecast: str) -> None:
        steps = (StepState("Forecast", forecast, 1.0),) if forecast else ()
        monkeypatch.setattr(snapshot, "take", lambda *_: Snapshot(EXECUTION, status, "", steps))

    return put


@pytest.fixture
def desk(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Desk, list[Record]]:
    """No endpoint, so that the table is all there is to do; and what was announced."""
    package = ModelPackage(ARN, 3, "Approved", {}, {}, "", execution=EXECUTION)
    monkeypatch.setattr(registry, "arns", lambda *_: iter([ARN]))
    monkeypatch.setattr(registry, "describe", lambda *_: package)
    settings, told = Settings(serving="batch"), []
    records = Records(cloud.client("s3"), settings.bucket, None)
    return Desk(settings, records, lambda _, record: told.append(record)), told


def test_a_table_that_is_forecast_when_the_model_is_approved_is_published_at_once(taken: Any, desk: Any) -> None:
    taken("Succeeded", "Succeeded")
    assert update.decided(Decision(ARN, "Approved", ""), desk[0]) == {"housing-forecast": "in service"}
    assert [record.table for record in desk[1]] == ["published"]


def test_an_approval_ahead_of_its_forecasts_gets_its_table_when_the_execution_ends(taken: Any, desk: Any) -> None:
    taken("Executing", "Executing")
    update.decided(Decision(ARN, "Approved", ""), desk[0])
    assert update.ended(End(EXECUTION + "x"), desk[0]) == {}
    taken("Succeeded", "Succeeded")
    assert update.ended(End(EXECUTION), desk[0]) == {"housing-forecast": "published"}
    assert update.ended(End(EXECUTION), desk[0]) == {}
    assert [record.table for record in desk[1]] == ["waiting"], "the outcome was told once"


def test_an_execution_whose_end_was_not_told_is_looked_for(taken: Any, desk: Any) -> None:
    taken("Executing", "Executing")
    update.decided(Decision(ARN, "Approved", ""), desk[0])
    assert update.looked(desk[0]) == {"housing-forecast": "in service"}
    assert desk[0].records.read("housing-forecast").table == "waiting"
    taken("Succeeded", "Succeeded")
    update.looked(desk[0])
    assert desk[0].records.read("housing-forecast").table == "published"
    assert update.looked(desk[0]) == {}, "nothing is open"


def test_a_table_that_may_not_be_published_is_missing_with_the_reason_and_one_that_s3_had_no_time_for_comes_later(
    taken: Any, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken("Succeeded", "Succeeded")
    codes = ["SlowDown", "AccessDenied"]

    def refused(*_: Any) -> None:
        raise ClientError({"Error": {"Code": codes.pop(0), "Message": "no"}}, "PutObject")

    monkeypatch.setattr(precomputed, "publish", refused)
    with pytest.raises(ClientError, match="SlowDown"):
        update.decided(Decision(ARN, "Approved", ""), desk[0])
    assert desk[1] == []
    assert update.decided(Decision(ARN, "Approved", ""), desk[0]) == {"housing-forecast": "in service"}
    (told,) = desk[1]
    assert told.table == "missing"
    assert "AccessDenied" in told.reason
    assert "housing batch --publish" in told.reason


def test_forecasts_that_never_come_are_missing_with_the_reason(taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken("Failed", "Failed")

    def nothing(*_: Any) -> Any:
        raise results.ResultsError("Forecast: has no result")

    monkeypatch.setattr(results, "predictions", nothing)
    assert table.publish(EXECUTION, Settings()) == ("missing", "Forecast: has no result")
    assert table.publish("", Settings())[0] == "missing"


def test_a_record_that_another_version_wrote_is_read_and_one_that_is_none_is_replaced(cloud: Any, desk: Any) -> None:
    records = desk[0].records
    record = records.write("e", Record(ARN, 3, EXECUTION, "c"))
    stored = cloud.objects["housing/deployments/e.json"]
    stored.body = stored.body.replace(b'{"package"', b'{"later": 1, "package"')
    assert records.read("e") == record
    stored.body = b"nonsense"
    assert records.read("e") is None
    assert records.write("e", replace(record, version=4)).version == 4
