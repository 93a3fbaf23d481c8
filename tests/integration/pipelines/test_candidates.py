"""A second model beside the one in service: as a shadow, with a share of the traffic, and promoted."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from pipelines import candidates, endpoint, registry
from pipelines.comparison import Comparison, compare
from pipelines.errors import DeploymentError
from pipelines.settings import Settings

Register = Callable[..., str]


def answer(price: float, drawdown: float | None) -> str:
    prediction = {"item_id": "Austin", "0.5": [price, 2 * price], "drawdown_probability": drawdown, "model_version": f"{price:g}"}
    return json.dumps({"predictions": [prediction]})


def approved(register: Register, settings: Settings, name: str, **environment: str) -> registry.ModelPackage:
    registry.approve(register(name, **environment), "", settings)
    return registry.newest(settings, "Approved")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"bucket": "toys"})


@pytest.fixture
def ask(aws: Any, settings: Settings) -> Callable[..., dict[str, Any]]:
    runtime = aws.client("sagemaker-runtime")

    def call(**body: Any) -> dict[str, Any]:
        text = json.dumps(body)
        reply = runtime.invoke_endpoint(EndpointName=settings.endpoint_name, ContentType="application/json", Body=text)
        found: dict[str, Any] = json.loads(reply["Body"].read())
        return found

    return call


def settled(settings: Settings, requests: int) -> Comparison:
    """The comparison once metrics and captures of so many requests are there."""
    until = time.monotonic() + 15
    while (found := compare(settings)).compared < requests or found.shadow.requests < requests:
        assert time.monotonic() < until, found
        time.sleep(0.3)
    return found


def test_a_shadow_answers_nobody_is_compared_and_promoted(settings: Settings, register: Register, ask: Callable[..., Any]) -> None:
    endpoint.deploy(approved(register, settings, "main", TOY_ANSWER=answer(100, 0.10)), settings)
    second = approved(register, settings, "next", TOY_ANSWER=answer(101, 0.14))
    candidates.shadow(second, settings)
    assert {ask(n=number)["predictions"][0]["model_version"] for number in range(20)} == {"100"}

    found = settled(settings, 20)
    assert (found.main.requests, found.shadow.requests, found.compared) == (20, 20, 20)
    assert found.median_difference == pytest.approx(0.00995, abs=1e-5)
    assert found.drawdown_difference == pytest.approx(0.04)
    assert found.objections(settings) == []

    assert candidates.promote(settings).package_version == second.version
    assert ask()["predictions"][0]["model_version"] == "101"
    with pytest.raises(DeploymentError, match="has no shadow"):
        compare(settings)


def test_a_shadow_that_errs_is_not_to_be_promoted(settings: Settings, register: Register, ask: Callable[..., Any]) -> None:
    endpoint.deploy(approved(register, settings, "main"), settings)
    candidates.shadow(approved(register, settings, "broken", TOY_STATUS="500"), settings)
    assert {ask()["name"] for _ in range(10)} == {"main"}
    until = time.monotonic() + 15
    while (found := compare(settings)).shadow.requests < 10 and time.monotonic() < until:
        time.sleep(0.3)

    assert found.objections(settings) == ["100.0% of its answers are errors, the limit is 1.0%"]


def test_traffic_is_split_by_weight_and_given_back(settings: Settings, register: Register, ask: Callable[..., Any]) -> None:
    endpoint.deploy(approved(register, settings, "main"), settings)
    second = approved(register, settings, "next")
    assert candidates.split(second, 0.25, settings) == {"main": 0.75, "candidate": 0.25}
    assert Counter(ask()["name"] for _ in range(40)) == {"main": 30, "next": 10}
    candidates.split(second, 0.5, settings)
    assert Counter(ask()["name"] for _ in range(40)) == {"main": 20, "next": 20}
    assert candidates.promote(settings).package_version == 2
    assert {ask()["name"] for _ in range(10)} == {"next"}


def test_a_second_model_needs_a_first(settings: Settings, register: Register) -> None:
    package = approved(register, settings, "a")
    with pytest.raises(DeploymentError, match="is not in service; run `housing deploy` first"):
        candidates.shadow(package, settings)
    with pytest.raises(DeploymentError, match=r"share 1\.5: is not between 0 and 1"):
        candidates.split(package, 1.5, settings)
    with pytest.raises(DeploymentError, match="is not in service"):
        candidates.promote(settings.model_copy(update={"endpoint_name": "absent"}))


def test_an_endpoint_does_not_change_its_kind_in_place(settings: Settings, register: Register) -> None:
    package = approved(register, settings, "a")
    endpoint.deploy(package, settings)
    with pytest.raises(DeploymentError, match=r"is realtime and can't become serverless in place; .*`housing endpoint delete`"):
        endpoint.deploy(package, settings.model_copy(update={"serving": "serverless"}))


def test_the_cpu_tier_runs_its_own_image_beside_the_gpu(aws: Any, settings: Settings, register: Register) -> None:
    package = approved(register, settings, "both")
    done = endpoint.deploy(package, settings.model_copy(update={"cpu_tier": True}))
    assert [one.action for one in done] == ["created", "created"]
    reply = aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=settings.cpu_endpoint_name, Body=b"{}")
    assert json.loads(reply["Body"].read())["name"] == "both-cpu"
    assert endpoint.delete(settings) is True
    assert aws.client("sagemaker").list_endpoints(NameContains=settings.endpoint_name)["Endpoints"] == []


def test_each_command_says_what_it_did_as_one_json_object(settings: Settings, register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("endpoint_name", "model_package_group", "bucket"):
        monkeypatch.setenv(f"HOUSING_{name.upper()}", getattr(settings, name))
    monkeypatch.setenv("HOUSING_CPU_TIER", "false")

    def said(*words: str) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*words, "--json"])
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    first, second = register("main"), register("next")
    assert said("approve", "--version", "1") == {"version": 1, "arn": first, "status": "Approved"}
    assert said("deploy", "--yes")["endpoints"][0]["action"] == "created"
    assert said("approve") == {"version": 2, "arn": second, "status": "Approved"}
    name = settings.endpoint_name
    assert said("endpoint", "shadow", "--yes") == {"endpoint_name": name, "action": "updated", "shadow_version": 2}
    for words in (("shadow",), ("promote",), ("split", "0.5")):
        assert set(said("endpoint", *words, "--dry-run")) == {"title", "steps", "price", "undo"}
    promoted = said("endpoint", "promote", "--yes")
    assert (promoted["endpoint_name"], promoted["action"], promoted["package_version"]) == (name, "updated", 2)
    shares = {"main": 0.75, "candidate": 0.25}
    split = said("endpoint", "split", "0.25", "--version", "1", "--yes")
    assert split == {"endpoint_name": name, "candidate_version": 1, "shares": shares}
    assert said("reject", "--reason", "too old") == {"version": 2, "arn": second, "status": "Rejected"}
