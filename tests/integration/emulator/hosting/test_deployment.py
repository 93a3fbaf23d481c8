"""Updates that move the traffic in steps, and go back when an alarm goes off."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError


def _canary(percent: int, bake_seconds: int, *alarms: str) -> dict[str, Any]:
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": bake_seconds, "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": percent}}
    how: dict[str, Any] = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 0}}
    return how | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}} if alarms else how


def _pair(hosting, name: str, **environment: str) -> None:
    """An endpoint that serves NAME-blue, and a configuration NAME-green."""
    hosting.model(f"{name}-blue")
    hosting.model(f"{name}-green", **environment)
    hosting.endpoint(name, hosting.config(f"{name}-blue", **{f"{name}-blue": 1.0}))
    hosting.config(f"{name}-green", **{f"{name}-green": 1.0})


def _update(hosting, name: str, how: dict[str, Any]) -> None:
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-green", DeploymentConfig=how)


def _alarm(emulator, name: str, endpoint: str) -> None:
    """Alarm on any answer of 5xx of the endpoint's green variant."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": f"{endpoint}-green"}]
    emulator.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=dimensions,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )


def _until_shifted(hosting, name: str) -> None:
    """Wait for the first answer of the green side."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if hosting.invoke(name)["name"].endswith("green"):
            return
        time.sleep(0.01)
    raise AssertionError("no invocation reached the new variant")


def test_a_canary_gets_its_share_and_then_everything(hosting):
    _pair(hosting, "canary")
    _update(hosting, "canary", _canary(25, 3))
    pending = hosting.sagemaker.describe_endpoint(EndpointName="canary")["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == "canary-green"
    _until_shifted(hosting, "canary")
    names = [hosting.invoke("canary")["name"] for _ in range(12)]
    assert names.count("canary-green") == 3
    described = hosting.wait("canary")
    assert described["EndpointConfigName"] == "canary-green"
    assert described["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "CANARY"
    assert "PendingDeploymentSummary" not in described
    assert {hosting.invoke("canary")["name"] for _ in range(4)} == {"canary-green"}
    hosting.delete("canary")


def test_errors_of_the_new_model_set_off_the_alarm_and_bring_the_old_one_back(hosting, emulator):
    _pair(hosting, "alarmed")
    _alarm(emulator, "alarmed-5xx", "alarmed")
    _update(hosting, "alarmed", _canary(50, 60, "alarmed-5xx"))
    _until_shifted(hosting, "alarmed")
    failed = 0
    while not failed:
        if hosting.invoke("alarmed")["name"] == "alarmed-blue":  # the next one is the canary's
            with pytest.raises(hosting.runtime.exceptions.ModelError):
                hosting.invoke("alarmed", {"status": 500, "message": "broken"})
            failed += 1
    described = hosting.wait("alarmed")
    assert described["EndpointConfigName"] == "alarmed-blue"
    assert "alarmed-5xx" in described["FailureReason"]
    assert {hosting.invoke("alarmed")["name"] for _ in range(4)} == {"alarmed-blue"}
    state = emulator.client("cloudwatch").describe_alarms(AlarmNames=["alarmed-5xx"])["MetricAlarms"][0]["StateValue"]
    assert state == "ALARM"
    hosting.delete("alarmed")


def test_an_alarm_that_was_set_by_hand_counts_and_an_unknown_one_is_refused(hosting, emulator):
    _pair(hosting, "manual")
    with pytest.raises(ClientError, match="never-made"):
        _update(hosting, "manual", _canary(50, 60, "never-made"))
    _alarm(emulator, "manual-5xx", "manual")
    _update(hosting, "manual", _canary(50, 60, "manual-5xx"))
    emulator.client("cloudwatch").set_alarm_state(AlarmName="manual-5xx", StateValue="ALARM", StateReason="a drill")
    assert hosting.wait("manual")["EndpointConfigName"] == "manual-blue"
    hosting.delete("manual")


def test_an_endpoint_in_change_takes_no_second_change(hosting):
    _pair(hosting, "busy")
    _update(hosting, "busy", _canary(50, 2))
    with pytest.raises(ClientError, match="in-progress"):
        _update(hosting, "busy", _canary(50, 2))
    with pytest.raises(ClientError, match="in-progress"):
        hosting.delete("busy")
    assert hosting.wait("busy")["EndpointConfigName"] == "busy-green"
    hosting.delete("busy")


def _metric(endpoint: str, name: str, statistic: str) -> dict[str, Any]:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": f"{endpoint}-green"}]
    return {"Metric": {"Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": dimensions}, "Period": 60, "Stat": statistic}


def _rate_alarm(endpoint: str) -> dict[str, Any]:
    """More than 5% of the calls end with 5xx."""
    queries = [
        {"Id": "rate", "Expression": "100 * FILL(errors, 0) / calls", "ReturnData": True},
        {"Id": "errors", "MetricStat": _metric(endpoint, "Invocation5XXErrors", "Sum"), "ReturnData": False},
        {"Id": "calls", "MetricStat": _metric(endpoint, "Invocations", "Sum"), "ReturnData": False},
    ]
    return {"Metrics": queries, "Threshold": 5.0, "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}


def _latency_alarm(endpoint: str) -> dict[str, Any]:
    """One call in five takes longer than 150 ms; ModelLatency is in microseconds."""
    metric = _metric(endpoint, "ModelLatency", "")["Metric"]
    return {
        **metric,
        "ExtendedStatistic": "p80",
        "Period": 60,
        "Threshold": 150_000.0,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }


@pytest.mark.parametrize(
    ("name", "alarm", "wish"),
    [("rated", _rate_alarm, {"status": 500, "message": "broken"}), ("late", _latency_alarm, {"sleep": 0.3})],
)
def test_alarms_on_a_rate_and_on_a_percentile_go_off(hosting, emulator, name, alarm, wish):
    _pair(hosting, name)
    emulator.client("cloudwatch").put_metric_alarm(AlarmName=name, **alarm(name))
    _update(hosting, name, _canary(50, 60, name))
    _until_shifted(hosting, name)
    until = time.monotonic() + 40
    while hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating":
        assert time.monotonic() < until
        try:
            hosting.invoke(name, wish)
        except hosting.runtime.exceptions.ModelError:
            continue
    described = hosting.wait(name)
    assert (described["EndpointConfigName"], name in described["FailureReason"]) == (f"{name}-blue", True)
    hosting.delete(name)


def test_an_alarm_that_stays_quiet_lets_the_update_through(hosting, emulator):
    _pair(hosting, "calm")
    emulator.client("cloudwatch").put_metric_alarm(AlarmName="calm", **_rate_alarm("calm"))
    _update(hosting, "calm", _canary(50, 2, "calm"))
    while hosting.sagemaker.describe_endpoint(EndpointName="calm")["EndpointStatus"] == "Updating":
        hosting.invoke("calm")
    assert hosting.wait("calm")["EndpointConfigName"] == "calm-green"
    hosting.delete("calm")
