"""housing-train: a training for each event, once, whatever comes twice, late, out of order or broken."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipelines.settings import Settings
from pipelines.source import content_address

UPLOAD = "housing/uploads/march/"


@pytest.fixture
def train(function_env: Callable[..., None]) -> ModuleType:
    from lambdas.train import handler

    function_env()
    handler.settings.cache_clear()
    return handler


def panel(*months: str) -> bytes:
    rows = "".join(f"A,{month},100\n" for month in months)
    return gzip.compress(f"region,date,price\n{rows}".encode(), mtime=0)


def uploaded(make_event: Callable[..., dict[str, Any]], number: int = 1, key: str = UPLOAD + "source.json") -> dict[str, Any]:
    stored = {"key": key, "etag": f"e{number}", "sequencer": f"{number:016x}"}
    return make_event("Object Created", number, bucket={"name": Settings().bucket}, object=stored)


def post(body: Any = "", key: str | None = None, caller: str = "arn:aws:iam::1:user/a", request_id: str = "r1") -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    context = {"requestId": request_id, "authorizer": {"iam": {"userArn": caller}}}
    return {"version": "2.0", "requestContext": context, "headers": headers, "body": body if isinstance(body, str) else json.dumps(body)}


def answered(response: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    content = json.loads(response["body"])
    return response["statusCode"], content.get("error", content)


class Metrics:
    """Those of powertools are a process's own: as at AWS, where each of two invocations at once has one to itself."""

    metric_set: tuple[str, ...] = ()

    def add_metric(self, *_: Any) -> None:
        """Of no interest here."""


def test_a_thousand_duplicate_and_reordered_events_start_one_execution_for_each_distinct_one(
    train: ModuleType, cloud: Any, make_event: Any, batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "metrics", Metrics())
    cloud.source(panel("2020-01", "2020-02"))
    cloud.put(UPLOAD + "panel.csv.gz", panel("2021-01", "2021-02"))
    cloud.put(UPLOAD + "source.json", b"{}")
    alarm = {"alarmName": "housing-drift-price", "state": {"value": "ALARM"}}
    distinct = [make_event("Scheduled Event", number) for number in range(12)]
    distinct += [make_event("CloudWatch Alarm State Change", number, 24 * number, **alarm) for number in range(12)]
    distinct += [uploaded(make_event, number) for number in range(12)]
    dice = random.Random(5)
    events = distinct + dice.choices(distinct, k=1000 - len(distinct))
    dice.shuffle(events)
    batches = [batch(*events[first : first + 10]) for first in range(0, len(events), 10)]
    with ThreadPoolExecutor(2) as at_once:  # the queue has two of its batches worked on at once
        for answer in at_once.map(lambda one: train.handler(one, None), batches):
            assert answer == {"batchItemFailures": []}
    names = [one["PipelineExecutionDisplayName"] for one in cloud.executions]
    assert (len(events), len(names), len(set(names))) == (1000, 36, 36)
    assert all(32 <= len(token) <= 128 for token in cloud.tokens)


def test_alarms_of_one_day_are_one_training_however_they_flap_and_the_next_day_has_its_own(
    train: ModuleType, cloud: Any, make_event: Any
) -> None:
    cloud.source(panel("2020-01"))

    def alarm(number: int, name: str, time: str) -> str:
        event = make_event("CloudWatch Alarm State Change", number, alarmName=name, state={"value": "ALARM"})
        started: str = train.handler({**event, "time": time}, None)["started"]
        return started

    day = datetime.now(UTC).date()
    first = alarm(1, "housing-drift-price", f"{day}T00:10:00Z")
    cloud.tokens.clear()  # SageMaker need not remember them for so long
    assert alarm(2, "housing-drift-price", f"{day}T09:10:00Z") == first
    assert alarm(3, "housing-drift-income", f"{day}T23:59:59Z") == first
    assert alarm(4, "housing-drift-price", f"{day + timedelta(days=1)}T00:00:00Z") != first
    assert len(cloud.executions) == 2


@pytest.mark.parametrize("time", [None, "soon", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:00"])
def test_an_event_of_no_possible_time_is_of_now(train: ModuleType, cloud: Any, make_event: Any, time: str | None) -> None:
    cloud.source(panel("2020-01"))
    alarm = {"alarmName": "housing-drift-price", "state": {"value": "ALARM"}}
    for event in (make_event("CloudWatch Alarm State Change", 1, **alarm), make_event("Scheduled Event", 1)):
        assert train.handler({**event, "time": time}, None)["started"]


def test_a_redelivery_after_sagemaker_forgot_its_token_starts_nothing(train: ModuleType, cloud: Any, make_event: Any) -> None:
    cloud.source(panel("2020-01"))
    event = make_event("Scheduled Event", 1, hours_ago=30)
    first = train.handler(event, None)["started"]
    cloud.tokens.clear()
    cloud.source(panel("2020-01", "2020-02"))  # what is newest has changed meanwhile
    assert train.handler(event, None)["started"] == first
    assert len(cloud.executions) == 1


def test_two_deliveries_at_once_with_other_data_in_between_are_one_execution(
    train: ModuleType, cloud: Any, make_event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines import execution

    cloud.source(panel("2020-01"))
    event = make_event("Scheduled Event", 1)
    first = train.handler(event, None)["started"]
    cloud.source(panel("2020-01", "2020-02"), datetime.now(UTC) + timedelta(hours=1))
    named, looks = execution.named, []
    # the second delivery looks before the first has started
    monkeypatch.setattr(execution, "named", lambda *about: named(*about) if looks else looks.append(1))
    assert train.handler(event, None)["started"] == first
    assert len(cloud.executions) == 1


def test_a_poisonous_message_fails_alone_and_what_is_not_valid_is_refused_once(
    train: ModuleType, cloud: Any, make_event: Any, batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.source(panel("2020-01"))
    real = train.start
    monkeypatch.setattr(train, "start", lambda trigger, *rest: 1 / 0 if trigger.key.endswith("-2") else real(trigger, *rest))
    events = [make_event("Scheduled Event", 1), make_event("Scheduled Event", 2), "{", "[]", make_event("Other", 1), "[" * 100_000]
    wrong = make_event("Scheduled Event", 3, parameters={"MaxLossRatio": 9})
    answer = train.handler(batch(*events, wrong, make_event("Scheduled Event", 4)), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert len(cloud.executions) == 2


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "ResourceLimitExceeded"])
def test_a_start_that_fails_comes_again_and_then_starts_once(  # noqa: PLR0917 fixtures
    train: ModuleType, cloud: Any, fault: Any, make_event: Any, batch: Any, code: str
) -> None:
    cloud.source(panel("2020-01"))
    events = batch(make_event("Scheduled Event", 1), make_event("Scheduled Event", 2))
    cloud.faults["StartPipelineExecution"] = [fault(code)]
    assert train.handler(events, None) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert train.handler(events, None) == {"batchItemFailures": []}
    assert len(cloud.executions) == 2


def test_without_a_pipeline_one_line_says_how_to_put_it_in_place(
    train: ModuleType, cloud: Any, make_event: Any, batch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.pipeline = False
    cloud.source(panel("2020-01"))
    status, error = answered(train.handler(post(), None))
    assert (status, error["code"]) == (503, "no_pipeline")
    assert error["message"] == "pipeline housing-forecast: does not exist; put it in place with `housing pipeline upsert`"
    caplog.clear()
    assert train.handler(batch(make_event("Scheduled Event", 1)), None)["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    (line,) = [vars(record) for record in caplog.records if record.levelname == "ERROR"]
    assert (line["message_id"], line["reason"], bool(line["exc_info"])) == ("m0", error["message"], False)


def test_an_upload_lands_where_the_command_would_have_put_it_and_is_what_is_trained_on(
    train: ModuleType, cloud: Any, make_event: Any, tmp_path: Any
) -> None:
    cloud.source(panel("2019-01"))
    for name, body in (("panel.csv.gz", panel("2021-01", "2021-02")), ("source.json", b'{"name": "march"}')):
        cloud.put(UPLOAD + name, body)
        (tmp_path / name).write_bytes(body)
    train.handler(uploaded(make_event), None)
    wanted = content_address({path.name: path for path in tmp_path.iterdir()})
    (parameters,) = cloud.parameters.values()
    assert parameters["SourceUri"] == f"s3://{Settings().bucket}/housing/sources/{wanted}/"
    assert parameters["Horizon"] == "12"
    assert parameters["ApprovedUri"].startswith(f"s3://{Settings().bucket}/housing/approved/")
    assert {key for key in cloud.objects if wanted in key} == {f"housing/sources/{wanted}/{path.name}" for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("files", "key", "executions"),
    [
        ({"panel.csv.gz": panel("2021-01"), "source.json": b"{}"}, UPLOAD + "source.json", 1),
        ({"source.json": b"{}"}, UPLOAD + "source.json", 0),
        ({"panel.csv.gz": panel("2021-01"), "source.json": b"["}, UPLOAD + "source.json", 0),
        ({"panel.csv.gz": panel("2021-01"), "source.json": b"{}"}, UPLOAD + "panel.csv.gz", 0),
        ({"panel.csv.gz": panel("2021-01"), "source.json": b"{}"}, "housing/sources/x/source.json", 0),
        ({"panel.csv.gz": panel("2021-01"), "source.json": b"{}"}, "housing/uploads/source.json", 0),
    ],
    ids=["complete", "no panel", "marker is no object", "not the marker", "not an upload", "no folder of its own"],
)
def test_only_a_complete_upload_starts_a_training(  # noqa: PLR0917
    train: ModuleType, cloud: Any, make_event: Any, batch: Any, files: dict[str, bytes], key: str, executions: int
) -> None:
    for name, body in files.items():
        cloud.put(UPLOAD + name, body)
    assert train.handler(batch(uploaded(make_event, key=key)), None) == {"batchItemFailures": []}
    assert len(cloud.executions) == executions


def test_a_panel_that_s3_denies_for_being_absent_is_an_incomplete_upload(
    train: ModuleType, cloud: Any, fault: Any, make_event: Any
) -> None:
    cloud.faults["GetObject"] = [fault("AccessDenied", status=403)]
    assert train.handler(uploaded(make_event), None) == {"started": None}


def test_an_upload_that_changes_while_it_is_read_is_left_to_its_own_event(train: ModuleType, cloud: Any, make_event: Any) -> None:
    cloud.put(UPLOAD + "panel.csv.gz", panel("2021-01"))
    cloud.put(UPLOAD + "source.json", b"{}")
    copy = cloud.CopyObject

    def replaced(asked: dict[str, Any]) -> Any:
        cloud.put(UPLOAD + "panel.csv.gz", panel("2021-02"))
        return copy(asked)

    cloud.CopyObject = replaced
    assert train.handler(uploaded(make_event), None) == {"started": None}
    assert cloud.executions == []


def test_the_newest_complete_source_is_trained_on_and_a_quarterly_one_with_its_own_horizon(
    train: ModuleType, cloud: Any, make_event: Any
) -> None:
    now = datetime.now(UTC)
    cloud.source(panel("2020-01", "2020-02"), now - timedelta(days=3))
    newest = cloud.source(panel("2020-01-01", "2020-04-01", "2020-10-01"), now - timedelta(days=2))
    cloud.put(f"housing/sources/{'0' * 64}/source.json", b"{}", now)  # not complete
    train.handler(make_event("Scheduled Event", 1), None)
    (parameters,) = cloud.parameters.values()
    assert (parameters["SourceUri"], parameters["Horizon"]) == (newest, "4")


@pytest.mark.parametrize(
    ("text", "months"),
    [
        (b"region,date,price\nA,2020Q1,1\nA,2020Q2,1\n", 3),
        (b"region,date,price\nA,2020-01,1\nA,2020-07,1\nB,2020-02,1\n", 1),
        (b"region,date,price\nA,2020-01,1\n", 1),
        (b"no table", 1),
    ],
)
def test_a_panel_is_quarterly_when_all_its_dates_are_quarters_apart(cloud: Any, text: bytes, months: int) -> None:
    from lambdas.train.frequency import months_per_period

    uri = cloud.source(gzip.compress(text))
    assert months_per_period(uri, cloud.client("s3")) == months
    assert months_per_period(cloud.source(b"not gzip"), cloud.client("s3")) == 1


def test_a_request_starts_an_execution_and_the_same_key_is_the_same_one(train: ModuleType, cloud: Any) -> None:
    cloud.source(panel("2020-01", "2020-02"))
    first = train.handler(post({"parameters": {"Horizon": 6}, "reason": "try"}, key="k1"), None)
    status, content = answered(first)
    assert (status, content["duplicate"]) == (202, False)
    assert first["headers"]["location"] == content["status_url"] == f"/v1/executions/{content['execution']}"
    assert first["headers"]["x-request-id"] == "r1"
    again = answered(train.handler(post({"parameters": {"Horizon": 6}}, key="k1", request_id="r2"), None))
    assert again == (202, {**content, "duplicate": True})
    assert answered(train.handler(post({"parameters": {"Horizon": 7}}, key="k1"), None))[1]["code"] == "key_reused"
    assert not answered(train.handler(post(key="k1", caller="arn:aws:iam::1:user/b"), None))[1]["duplicate"]
    assert not answered(train.handler(post(request_id="r3"), None))[1]["duplicate"]
    assert answered(train.handler(post(request_id="r3"), None))[1]["duplicate"]
    assert cloud.parameters[cloud.executions[0]["PipelineExecutionArn"]]["Horizon"] == "6"
    assert train.handler({"parameters": {"Horizon": 6}, "idempotency_key": "k1"}, None)["duplicate"] is False


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"parameters": {"MaxLossRatio": 9}}, "unknown_parameter", "parameters.MaxLossRatio"),
        ({"parameters": {"ApprovedUri": "s3://x/"}}, "unknown_parameter", "parameters.ApprovedUri"),
        ({"parameters": {"Horizon": "12"}}, "invalid_parameter", "parameters.Horizon"),
        ({"parameters": {"Horizon": True}}, "invalid_parameter", "parameters.Horizon"),
        ({"parameters": {"Horizon": 0}}, "invalid_parameter", "parameters.Horizon"),
        ({"parameters": {"Origins": 10**30}}, "invalid_parameter", "parameters.Origins"),
        ({"parameters": {"SourceUri": "s3://other/housing/sources/" + "0" * 64 + "/"}}, "invalid_parameter", "parameters.SourceUri"),
        ({"parameters": {"SourceUri": f"s3://{Settings().bucket}/housing/sources/{'0' * 64}/"}}, "no_source", "parameters.SourceUri"),
        ({"parameters": {"TrainingInstanceType": "ml.p5.48xlarge"}}, "invalid_parameter", "parameters.TrainingInstanceType"),
        ({"parameters": []}, "invalid_parameter", "parameters"),
        ({"reason": "a\nb"}, "invalid_reason", "reason"),
        ({"horizon": 12}, "unknown_field", "horizon"),
        ("{", "malformed_json", ""),
        ("[]", "malformed_json", ""),
        (" " * 20_000, "too_large", ""),
    ],
)
def test_what_is_not_on_the_list_is_refused_by_name_and_starts_nothing(
    train: ModuleType, cloud: Any, body: Any, code: str, field: str
) -> None:
    cloud.source(panel("2020-01"))
    status, error = answered(train.handler(post(body), None))
    assert (status, error["code"], error["field"]) == (413 if code == "too_large" else 400, code, field)
    assert cloud.executions == []


def test_every_allowed_parameter_is_one_of_the_pipeline(train: ModuleType) -> None:
    from pathlib import Path

    from lambdas.train.parameters import ALLOWED

    golden = json.loads((Path(__file__).parents[2] / "golden" / "pipeline.json").read_text())
    assert ALLOWED.keys() <= {parameter["Name"] for parameter in golden["Parameters"]}


def test_an_alarm_that_calms_down_or_is_another_starts_nothing(train: ModuleType, cloud: Any, make_event: Any) -> None:
    cloud.source(panel("2020-01"))
    for name, state in (("housing-drift-price", "OK"), ("housing-predict-errors", "ALARM")):
        event = make_event("CloudWatch Alarm State Change", name, alarmName=name, state={"value": state})
        assert train.handler(event, None) == {"started": None}
    assert cloud.executions == []


def test_messages_for_which_no_time_is_left_come_again(train: ModuleType, cloud: Any, make_event: Any, batch: Any) -> None:
    cloud.source(panel("2020-01"))
    context = SimpleNamespace(aws_request_id="a", get_remaining_time_in_millis=lambda: 1000)
    assert train.handler(batch(make_event("Scheduled Event", 1)), context) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert cloud.executions == []


def test_a_name_with_any_letters_is_an_upload(train: ModuleType, cloud: Any, make_event: Any) -> None:
    folder = "housing/uploads/neue Daten \r (März)/2/"
    cloud.put(folder + "panel.csv.gz", panel("2021-01"))
    cloud.put(folder + "source.json", b"{}")
    assert train.handler(uploaded(make_event, key=folder + "source.json"), None)["started"]
    assert cloud.executions[0]["PipelineExecutionDescription"] == "started by upload neue Daten ? (März)/2"


def spoiled(event: Any, dice: random.Random) -> Any:
    """The event with one of its parts replaced, removed or renamed."""
    if not isinstance(event, dict) or not event or dice.random() < 0.2:
        return dice.choice([None, [], {}, "x", 0, -1.5, True, "\ud800", {"id": 1}])
    name = dice.choice(list(event))
    rest = {key: value for key, value in event.items() if key != name}
    if dice.random() < 0.2:
        return rest
    return {**rest, name: spoiled(event[name], dice)}


def test_no_event_however_spoiled_is_delivered_again(train: ModuleType, cloud: Any, make_event: Any, batch: Any) -> None:
    from lambdas.deploy import events

    cloud.source(panel("2020-01"))
    alarm = {"alarmName": "housing-drift-price", "state": {"value": "ALARM"}}
    package = {"ModelPackageArn": "arn:x", "ModelApprovalStatus": "Approved"}
    whole = [
        make_event("Scheduled Event", 1, parameters={"Horizon": 3}),
        uploaded(make_event),
        make_event("CloudWatch Alarm State Change", 1, **alarm),
        make_event("SageMaker Model Package State Change", 1, **package),
        make_event("SageMaker Endpoint State Change", 1, EndpointName="x"),
    ]
    dice = random.Random(3)
    for _ in range(100):
        some = [spoiled(dice.choice(whole), dice) for _ in range(10)]
        assert train.handler(batch(*some), None) == {"batchItemFailures": []}
        for event in some:
            events.read(event)


def test_no_input_makes_a_request_fail_with_a_5xx(train: ModuleType, cloud: Any) -> None:
    cloud.source(panel("2020-01"))
    dice = random.Random(11)
    words = ["parameters", "reason", "Horizon", "SourceUri", "\ud800", "", "é", "a" * 300, 0, -1, 1e308, None, True, 12, [], {}, [[]]]

    def value(depth: int) -> Any:
        kind = dice.random()
        if depth == 0 or kind < 0.5:
            return dice.choice(words)
        if kind < 0.8:
            return {str(dice.choice(words)): value(depth - 1) for _ in range(dice.randint(0, 3))}
        return [value(depth - 1) for _ in range(dice.randint(0, 3))]

    for number in range(2000):
        event: Any = post(
            json.dumps(value(3))[: dice.randint(0, 80)] if number % 3 else value(3), key=dice.choice([None, "k", "\ud800", "a b"])
        )
        if number % 5 == 0:
            event[str(dice.choice(["body", "headers", "requestContext", "isBase64Encoded"]))] = value(2)
        answer = train.handler(event, None)
        assert answer.get("statusCode", 200) < 500, event
