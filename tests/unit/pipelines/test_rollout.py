"""The alarms that turn an update back, in the units of the service, and the deployment configuration that every update sends."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.validate import validate_parameters

from pipelines.rollout import alarms, deployment_config
from pipelines.settings import Settings


def test_the_latency_alarm_is_in_microseconds() -> None:
    _, latency, _ = alarms("e", Settings(max_latency_milliseconds=1500))

    assert (latency["MetricName"], latency["ExtendedStatistic"], latency["Threshold"]) == ("ModelLatency", "p99", 1_500_000)


def test_errors_are_a_share_and_unanswered_calls_leave_out_what_the_caller_got_wrong() -> None:
    errors, _, unanswered = alarms("e", Settings(max_error_rate=0.02))

    assert (errors["MetricName"], errors["Statistic"], errors["Threshold"]) == ("Invocation5XXErrors", "Average", 0.02)
    assert unanswered["Metrics"][-1]["Expression"] == "(failed - refused) / calls"
    assert [one["ReturnData"] for one in unanswered["Metrics"]] == [False, False, False, True]


def test_no_traffic_is_no_alarm() -> None:
    assert {alarm["TreatMissingData"] for alarm in alarms("e", Settings())} == {"notBreaching"}


@pytest.mark.parametrize(
    ("rollout", "policy"),
    [
        ("canary", {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10}}),
        ("linear", {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 10}}),
        ("all_at_once", {"Type": "ALL_AT_ONCE"}),
    ],
)
def test_blue_green_moves_the_traffic_as_chosen(rollout: Any, policy: dict[str, Any]) -> None:
    config = deployment_config("e", Settings(rollout=rollout))

    assert config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == {**policy, "WaitIntervalInSeconds": 300}


def test_a_rolling_update_needs_no_second_fleet() -> None:
    config = deployment_config("e", Settings(rollout="rolling", canary_percent=25))

    assert config["RollingUpdatePolicy"]["MaximumBatchSize"] == {"Type": "CAPACITY_PERCENT", "Value": 25}
    assert "BlueGreenUpdatePolicy" not in config


@pytest.mark.parametrize("rollout", ["canary", "linear", "all_at_once", "rolling"])
def test_every_update_names_the_alarms_and_is_what_the_service_takes(rollout: Any) -> None:
    config = deployment_config("e", Settings(rollout=rollout))
    client = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    shape = client.meta.service_model.operation_model("UpdateEndpoint").input_shape
    validate_parameters({"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": config}, shape)

    names = [alarm["AlarmName"] for alarm in config["AutoRollbackConfiguration"]["Alarms"]]
    assert names == ["e-errors", "e-latency", "e-unanswered"]
