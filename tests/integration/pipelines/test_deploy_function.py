"""housing-deploy against the emulator: approvals and endpoint changes as events, in whatever order and number they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.deploy import handler
from lambdas.deploy.records import Records
from pipelines import endpoint, endpoint_state, handover, registry, rollout, scaling
from pipelines.errors import DeploymentError
from pipelines.settings import Settings

Register = Callable[..., str]


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch, aws: Any) -> Settings:
    """Handed over to the function, with a topic whose messages come to a queue."""
    settings = settings.model_copy(update={"bucket": "toys", "bake_seconds": 0, "termination_wait_seconds": 0})
    topic = aws.client("sns").create_topic(Name=settings.endpoint_name)["TopicArn"]
    queue = aws.client("sqs").create_queue(QueueName=settings.endpoint_name)["QueueUrl"]
    queue_arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    monkeypatch.setenv(handover.VARIABLE, handover.to_json(settings))
    monkeypatch.setenv("HOUSING_TOPIC_ARN", topic)
    handler.settings.cache_clear()
    return settings


@pytest.fixture
def outcomes(aws: Any, settings: Settings) -> Callable[[], list[tuple[int, str]]]:
    """Version and outcome of each message so far."""
    seen: list[tuple[int, str]] = []
    url = aws.client("sqs").get_queue_url(QueueName=settings.endpoint_name)["QueueUrl"]

    def read() -> list[tuple[int, str]]:
        while found := aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in found:
                aws.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                told = json.loads(json.loads(message["Body"])["Message"])
                seen.append((told["version"], told["outcome"]))
        return seen

    return read


CLOCK = {"id": "c", "detail-type": "Scheduled Event", "detail": {}}


def decided(arn: str, settings: Settings, event_id: str, status: str = "Approved") -> dict[str, Any]:
    """A person decides; the event of it."""
    (registry.approve if status == "Approved" else registry.reject)(arn, "", settings)
    detail = {"ModelPackageArn": arn, "ModelApprovalStatus": status, "ModelPackageGroupName": settings.model_package_group}
    time = datetime.now(UTC).isoformat()
    return {"id": event_id, "time": time, "detail-type": "SageMaker Model Package State Change", "detail": detail}


def changed(settings: Settings) -> dict[str, Any]:
    detail = {"EndpointName": settings.endpoint_name, "EndpointStatus": "IN_SERVICE"}
    return {"id": "e", "detail-type": "SageMaker Endpoint State Change", "detail": detail}


def states(event: dict[str, Any]) -> list[str]:
    return list(handler.handler(event, None)["states"].values())


def settled(aws: Any, settings: Settings) -> dict[str, Any] | None:
    return endpoint_state.settled(aws.client("sagemaker"), settings.endpoint_name)


def ours(aws: Any, settings: Settings) -> int:
    """How many configurations and models there are of the endpoint."""
    sagemaker, name = aws.client("sagemaker"), settings.endpoint_name
    configs = sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    return len(configs) + len(sagemaker.list_models(NameContains=name)["Models"])


def test_an_approval_begins_and_the_endpoints_change_finishes(aws: Any, settings: Settings, register: Register, outcomes: Any) -> None:
    first = decided(register("a"), settings, "1")
    assert states(first) == ["begun"]
    assert states(changed(settings)) in (["begun"], ["in service"])
    settled(aws, settings)
    assert states(changed(settings)) == ["in service"]
    assert scaling.registered(settings.endpoint_name, settings) is not None
    assert outcomes() == [(1, "in service")]
    for event in (first, changed(settings), first):
        assert states(event) == ["in service"]
    second = decided(register("b"), settings, "2")
    assert states(second) == ["begun"]
    settled(aws, settings)
    assert states(changed(settings)) == ["in service"]
    assert states(first) == [], "an older approval that comes again changes nothing"
    assert (outcomes(), ours(aws, settings)) == ([(1, "in service"), (2, "in service")], 2)
    answer = aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=settings.endpoint_name, Body=b"{}")
    assert json.loads(answer["Body"].read())["name"] == "b"


def test_a_model_that_fails_is_turned_back_told_cleaned_and_not_tried_again(
    aws: Any, settings: Settings, register: Register, outcomes: Any
) -> None:
    states(decided(register("good"), settings, "1"))
    good = settled(aws, settings) or {}
    states(changed(settings))
    bad = decided(register("bad", TOY_EXIT="1"), settings, "2")
    assert states(bad) == ["begun"]
    after = settled(aws, settings) or {}
    assert states(changed(settings)) == ["failed"]
    assert (after["EndpointConfigName"], ours(aws, settings)) == (good["EndpointConfigName"], 2)
    for event in (bad, changed(settings), bad):
        assert states(event) == ["failed"]
    assert outcomes() == [(1, "in service"), (2, "failed")]
    assert scaling.registered(settings.endpoint_name, settings) is not None


def test_one_approval_is_one_order_however_many_events_tell_of_it_until_it_is_taken_back_and_given_anew(
    aws: Any, settings: Settings, register: Register, outcomes: Any
) -> None:
    arn = register("broken", TOY_EXIT="1")
    event = decided(arn, settings, "1")
    assert states(event) == ["begun"]
    settled(aws, settings)
    assert states(changed(settings)) == ["failed"]
    aws.client("sagemaker").update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"note": "looked at"})
    later = {**event, "id": "2", "time": datetime.now(UTC).isoformat()}
    assert [states({**event, "id": "1b"}), states(later)] == [["failed"], ["failed"]]
    assert outcomes() == [(1, "failed")]
    rejected = decided(arn, settings, "3", "Rejected")
    assert states(rejected) == []
    again = decided(arn, settings, "4")
    assert states(again) == ["begun"]
    settled(aws, settings)
    assert states(changed(settings)) == ["failed"]
    assert [states(rejected), states(again), states(event)] == [[], ["failed"], ["failed"]], "late, and told twice"
    assert outcomes() == [(1, "failed"), (1, "failed")]


def test_an_approval_given_anew_is_an_order_even_when_the_event_before_it_comes_last(
    aws: Any, settings: Settings, register: Register
) -> None:
    arn = register("broken", TOY_EXIT="1")
    states(decided(arn, settings, "1"))
    settled(aws, settings)
    assert states(changed(settings)) == ["failed"]
    rejected, again = decided(arn, settings, "2", "Rejected"), decided(arn, settings, "3")
    assert states(again) == ["failed"], "so far it is the old approval told again"
    assert states(rejected) == ["begun"]
    settled(aws, settings)
    assert states(changed(settings)) == ["failed"]


def test_an_order_that_a_newer_one_ends_is_told_as_replaced(aws: Any, settings: Settings, register: Register, outcomes: Any) -> None:
    assert states(decided(register("a"), settings, "1")) == ["begun"]
    second = decided(register("b"), settings, "2")
    assert states(second)[0] in {"waiting", "begun"}
    assert (1, "replaced") in outcomes()
    settled(aws, settings)
    states(changed(settings))
    settled(aws, settings)
    states(changed(settings))
    assert outcomes() == [(1, "replaced"), (2, "in service")]


def test_what_no_event_finished_is_finished_by_the_clock(aws: Any, settings: Settings, register: Register, outcomes: Any) -> None:
    assert states(CLOCK) == []
    states(decided(register("a"), settings, "1"))
    assert states(CLOCK)[0] in {"begun", "in service"}
    settled(aws, settings)
    states(CLOCK)
    assert outcomes() == [(1, "in service")]
    assert states(CLOCK) == []


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_what_is_refused_after_the_update_is_told_and_what_passes_is_done_later(  # noqa: PLR0917
    aws: Any, settings: Settings, register: Register, outcomes: Any, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    states(decided(register("a"), settings, "1"))
    settled(aws, settings)

    def refused(*_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "RegisterScalableTarget")

    with monkeypatch.context() as patch:
        patch.setattr(scaling, "attach", refused)
        if code == "ThrottlingException":
            with pytest.raises(ClientError, match=code):
                handler.handler(changed(settings), None)
        else:
            assert states(changed(settings)) == ["failed"]
    if code == "ThrottlingException":
        assert states(CLOCK) == ["in service"]
        assert outcomes() == [(1, "in service")]
        return
    assert (states(changed(settings)), outcomes()) == (["failed"], [(1, "failed")])
    found = Records(aws.client("s3"), settings.bucket, None).read(settings.endpoint_name)
    assert found is not None
    assert found.reason.startswith("the model answers, but its scaling was not attached or the old one not removed: ")
    assert found.reason.endswith("put that right and run `housing deploy --version 1`")
    answer = aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=settings.endpoint_name, Body=b"{}")
    assert json.loads(answer["Body"].read())["name"] == "a"


def test_a_first_model_that_never_answers_leaves_nothing_behind(aws: Any, settings: Settings, register: Register, outcomes: Any) -> None:
    assert states(decided(register("broken", TOY_EXIT="1"), settings, "1")) == ["begun"]
    settled(aws, settings)
    assert states(changed(settings)) == ["failed"]
    assert (endpoint_state.describe(aws.client("sagemaker"), settings.endpoint_name), ours(aws, settings)) == (None, 0)
    alarms = aws.client("cloudwatch").describe_alarms(AlarmNames=rollout.alarm_names(settings.endpoint_name))["MetricAlarms"]
    assert (alarms, outcomes()) == ([], [(1, "failed")])


@pytest.mark.parametrize("late", [False, True], ids=["told of both", "told of the newest too late"])
def test_an_approval_waits_for_an_endpoint_that_is_busy_and_the_newest_goes_in(
    aws: Any, settings: Settings, register: Register, outcomes: Any, late: bool
) -> None:
    slow = settings.model_copy(update={"bake_seconds": 8})  # longer than two registrations take
    endpoint.deploy(registry.describe(_approved(register("a"), settings), settings), settings)
    package = registry.describe(_approved(register("by hand"), settings), settings)
    endpoint.begin(endpoint.order_of(package, endpoint.tiers(slow)[0], slow), slow)
    third = decided(register("third"), settings, "3")
    assert states(third) == ["waiting"]
    fourth = decided(register("fourth"), settings, "4")
    if not late:
        assert states(fourth) == ["waiting"]
        assert outcomes() == [(3, "replaced")]
    assert states(third) == [], "a newer one is approved"
    settled(aws, settings)
    assert states(changed(settings)) == ["begun"]
    settled(aws, settings)
    assert states(changed(settings)) == ["in service"]
    assert states(fourth) == ["in service"]
    assert outcomes() == [(3, "replaced"), (4, "in service")]


def test_a_package_that_is_rejected_changes_nothing_and_one_that_waited_is_not_deployed(
    aws: Any, settings: Settings, register: Register, outcomes: Any
) -> None:
    arn = register("a")
    assert states(decided(arn, settings, "1", "Rejected")) == []
    event = decided(arn, settings, "2")
    registry.reject(arn, "on second thoughts", settings)
    assert states(event) == []
    assert endpoint_state.describe(aws.client("sagemaker"), settings.endpoint_name) is None
    assert outcomes() == []


def test_the_command_joins_what_the_function_began_and_the_function_finishes_what_the_command_waited_for(
    aws: Any, settings: Settings, register: Register, outcomes: Any
) -> None:
    event = decided(register("a"), settings, "1")
    assert states(event) == ["begun"]
    (done,) = endpoint.deploy(registry.newest(settings, "Approved"), settings)
    assert done.action in {"created", "unchanged"}
    assert states(changed(settings)) == ["in service"]
    broken = decided(register("broken", TOY_EXIT="1"), settings, "2")
    assert states(broken) == ["begun"]
    with pytest.raises(Exception, match="rolled back"):
        endpoint.deploy(registry.newest(settings, "Approved"), settings)
    assert states(changed(settings)) == ["failed"]
    assert outcomes() == [(1, "in service"), (2, "failed")]


def test_an_update_by_hand_to_something_else_is_no_failure(aws: Any, settings: Settings, register: Register, outcomes: Any) -> None:
    states(decided(register("a"), settings, "1"))
    settled(aws, settings)
    states(changed(settings))
    assert states(decided(register("b"), settings, "2")) == ["begun"]
    other = settings.model_copy(update={"endpoint_instance_type": "ml.m5.large"})
    (done,) = endpoint.deploy(registry.newest(settings, "Approved"), other)
    assert states(changed(settings)) == ["replaced"]
    assert endpoint_state.describe(aws.client("sagemaker"), settings.endpoint_name)["EndpointConfigName"] == done.config_name
    assert outcomes() == [(1, "in service"), (2, "replaced")]


@pytest.mark.parametrize("fault", [{}, {"TOY_EXIT": "1"}], ids=["a good model", "a bad one"])
def test_command_and_function_at_once_come_to_the_same_end(
    aws: Any, settings: Settings, register: Register, outcomes: Any, fault: dict[str, str]
) -> None:
    states(decided(register("first"), settings, "1"))
    settled(aws, settings)
    states(changed(settings))
    ended: list[str] = []
    for number in range(2, 5):
        event = decided(register(f"model {number}", **fault), settings, str(number))

        def command() -> None:
            try:
                ended.append(endpoint.deploy(registry.newest(settings, "Approved"), settings)[0].action)
            except DeploymentError as error:
                ended.append("rolled back" if "rolled back" in str(error) else str(error))

        thread = threading.Thread(target=command)
        thread.start()
        states(event)
        while thread.is_alive():
            states(changed(settings))
        thread.join()
        settled(aws, settings)
        assert states(changed(settings)) == ["failed" if fault else "in service"]
        assert ours(aws, settings) == 2
    assert set(ended) <= ({"rolled back"} if fault else {"updated", "unchanged"})
    assert set(outcomes()) == {(1, "in service"), *((number, "failed" if fault else "in service") for number in range(2, 5))}


def test_the_same_approval_delivered_many_times_at_once_is_one_update(
    aws: Any, settings: Settings, register: Register, outcomes: Any
) -> None:
    event = decided(register("a"), settings, "1")
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(states(event))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settled(aws, settings)
    assert states(changed(settings)) == ["in service"]
    assert (len(found), ours(aws, settings)) == (4, 2)
    assert set(outcomes()) == {(1, "in service")}


def test_what_the_service_would_refuse_is_an_outcome_and_not_tried_again(
    aws: Any, settings: Settings, register: Register, outcomes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    states(decided(register("a"), settings, "1"))
    settled(aws, settings)
    states(changed(settings))
    queued = settings.model_copy(update={"serving": "async"})
    monkeypatch.setenv(handover.VARIABLE, handover.to_json(queued))
    handler.settings.cache_clear()
    event = decided(register("b"), settings, "2")
    assert states(event) == ["failed"]
    assert states(event) == ["failed"]
    assert (outcomes(), ours(aws, settings)) == ([(1, "in service"), (2, "failed")], 2)


def test_events_of_others_and_events_without_meaning_are_none_of_its_business(settings: Settings) -> None:
    foreign = {"ModelPackageArn": "arn:x", "ModelApprovalStatus": "Approved"}
    others = [
        {"id": "1", "detail-type": "SageMaker Endpoint State Change", "detail": {"EndpointName": "another"}},
        {"id": "1", "detail-type": "SageMaker Endpoint State Change", "detail": {}},
        {"id": "1", "detail-type": "SageMaker Model Package State Change", "detail": foreign},
        {"id": "1", "detail-type": "Scheduled Event", "detail": {}},
        {},
        [],
        None,
    ]
    for event in others:
        assert handler.handler(event, None) == {"states": {}}


def _approved(arn: str, settings: Settings) -> str:
    registry.approve(arn, "", settings)
    return arn
