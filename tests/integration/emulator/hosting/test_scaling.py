"""Instance counts follow the load, the schedule and the backlog, and instances are processes that share the work."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator import lifecycle

BUCKET = "backlog"
SPEED = 300


@pytest.fixture(scope="module")
def quick(tmp_path_factory, start_emulator) -> Iterator[Any]:
    """An emulator whose auto scaler lives five hours in a minute, with up to three processes of a variant."""
    home = tmp_path_factory.mktemp("quick") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMULATOR_SCALING_SPEED", str(SPEED))
        patch.setenv("EMULATOR_VARIANT_PROCESSES", "3")
        yield start_emulator(home)
    lifecycle.down(home)


@pytest.fixture(scope="module")
def fleet(quick, hosting_of) -> Any:
    return hosting_of(quick)


def _register(emulator: Any, endpoint: str, low: int, high: int) -> dict[str, str]:
    """The target of an endpoint's variant of the same name; what names it in further calls."""
    where = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    where |= {"ResourceId": f"endpoint/{endpoint}/variant/{endpoint}"}
    emulator.client("application-autoscaling").register_scalable_target(MinCapacity=low, MaxCapacity=high, **where)
    return where


def _track(emulator: Any, where: dict[str, str], metric: str, target: float, **options: Any) -> None:
    settings = {"TargetValue": target, "PredefinedMetricSpecification": {"PredefinedMetricType": metric}, "ScaleOutCooldown": 60, **options}
    emulator.client("application-autoscaling").put_scaling_policy(
        PolicyName="follow", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=settings, **where
    )


def _count(fleet: Any, endpoint: str) -> int:
    variant = fleet.sagemaker.describe_endpoint(EndpointName=endpoint)["ProductionVariants"][0]
    return int(variant["CurrentInstanceCount"])


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.05)


class _Load:
    """Callers that keep an endpoint busy; what they saw, and every error, is kept."""

    def __init__(self, fleet: Any, endpoint: str, callers: int) -> None:
        self.pids: list[int] = []
        self.errors: list[ClientError] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(fleet, endpoint)) for _ in range(callers)]

    def _call(self, fleet: Any, endpoint: str) -> None:
        while not self._over.is_set():
            try:
                self.pids.append(fleet.invoke(endpoint, {"sleep": 0.05})["pid"])
            except ClientError as error:
                self.errors.append(error)

    def __enter__(self) -> _Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_a_count_of_two_is_two_processes_that_share_the_calls(fleet):
    fleet.model("pair")
    fleet.endpoint("pair", fleet.config("pair", pair=1.0))
    two = [{"VariantName": "pair", "DesiredInstanceCount": 2}]
    fleet.sagemaker.update_endpoint_weights_and_capacities(EndpointName="pair", DesiredWeightsAndCapacities=two)
    fleet.wait("pair")
    pids = Counter(fleet.invoke("pair")["pid"] for _ in range(20))
    assert list(pids.values()) == [10, 10]
    with pytest.raises(ClientError, match="asynchronous endpoint scales to zero"):
        none = [{"VariantName": "pair", "DesiredInstanceCount": 0}]
        fleet.sagemaker.update_endpoint_weights_and_capacities(EndpointName="pair", DesiredWeightsAndCapacities=none)
    # one of the two dies: the other goes on answering
    with pytest.raises(ClientError, match="ModelError"):
        fleet.invoke("pair", {"crash": True})
    assert len({fleet.invoke("pair")["pid"] for _ in range(4)}) == 1
    _until(lambda: len({fleet.invoke("pair")["pid"] for _ in range(4)}) == 2)
    fleet.delete("pair")


@pytest.mark.parametrize(
    ("metric", "target"),
    [("SageMakerVariantConcurrentRequestsPerModelHighResolution", 2.0), ("SageMakerVariantInvocationsPerInstance", 1500.0)],
)
def test_the_count_follows_the_load_up_and_down_and_no_call_fails(quick, fleet, metric, target):
    name = f"ramp-{'c' if 'Concurrent' in metric else 'i'}"
    fleet.model(name)
    fleet.endpoint(name, fleet.config(name, **{name: 1.0}))
    _track(quick, _register(quick, name, 1, 3), metric, target)
    with _Load(fleet, name, callers=8) as load:
        _until(lambda: _count(fleet, name) == 3)
        fleet.wait(name)
        load.pids.clear()
        _until(lambda: len(load.pids) > 60)
        assert len(set(load.pids)) == 3
    assert load.errors == []
    _until(lambda: _count(fleet, name) == 1)
    assert len({fleet.invoke(name)["pid"] for _ in range(4)}) == 1
    fleet.delete(name)
    targets = quick.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [one for one in targets if name in one["ResourceId"]] == []


def test_a_scheduled_action_moves_the_bounds_and_the_count_with_them(quick, fleet):
    fleet.model("night")
    fleet.endpoint("night", fleet.config("night", night=1.0))
    where = _register(quick, "night", 1, 3)
    soon = f"at({datetime.now(UTC) + timedelta(seconds=2):%Y-%m-%dT%H:%M:%S})"
    scaling = quick.client("application-autoscaling")
    scaling.put_scheduled_action(
        ScheduledActionName="early", Schedule=soon, ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3}, **where
    )
    _until(lambda: _count(fleet, "night") == 2)
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"][0]["MinCapacity"] == 2
    fleet.wait("night")
    fleet.delete("night")


def test_a_schedule_or_policy_that_is_wrong_holds_up_no_other(quick, fleet):
    for name in ("wrong", "right"):
        fleet.model(name)
        fleet.endpoint(name, fleet.config(name, **{name: 1.0}))
    scaling, where = quick.client("application-autoscaling"), _register(quick, "wrong", 1, 3)
    scaling.put_scheduled_action(ScheduledActionName="never", Schedule="cron(at noon)", ScalableTargetAction={"MinCapacity": 2}, **where)
    _track(quick, where, "ECSServiceAverageCPUUtilization", 1.0)
    _register(quick, "right", 2, 3)
    _until(lambda: _count(fleet, "right") == 2)
    assert _count(fleet, "wrong") == 1
    log = (quick.home / "emulator.log").read_text()
    assert log.count("Invalid Schedule Expression cron(at noon)") == 1
    assert "ECSServiceAverageCPUUtilization is not measured" in log
    for name in ("wrong", "right"):
        fleet.wait(name)
        fleet.delete(name)


def test_a_scaled_variant_keeps_its_name_type_and_count_through_an_update(quick, fleet):
    fleet.model("kept")
    fleet.endpoint("kept", fleet.config("kept", kept=1.0))
    _register(quick, "kept", 2, 3)
    _until(lambda: _count(fleet, "kept") == 2)
    fleet.wait("kept")
    fleet.config("kept-other", **{"other": 1.0} if fleet.model("other") else {})
    with pytest.raises(ClientError, match="deregistered as scalable targets"):
        fleet.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="kept-other")
    fleet.config("kept-again", kept=1.0)
    fleet.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="kept-again", RetainAllVariantProperties=True)
    described = fleet.wait("kept")
    assert (described["EndpointConfigName"], _count(fleet, "kept")) == ("kept-again", 2)
    assert len({fleet.invoke("kept")["pid"] for _ in range(4)}) == 2
    fleet.delete("kept")


def _two_of_each(fleet: Any, name: str) -> None:
    """An endpoint with two instances of NAME-old, and the configuration NAME-2 with as many of NAME-new."""
    for config, model in ((f"{name}-1", f"{name}-old"), (f"{name}-2", f"{name}-new")):
        fleet.model(model)
        variant = {"VariantName": "all", "ModelName": model, "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 2}
        fleet.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    fleet.endpoint(name, f"{name}-1")


def _rolling(wait_seconds: int) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": wait_seconds}}


def test_a_rolling_update_that_is_rolled_back_ends_with_all_the_old_instances(quick, fleet):
    _two_of_each(fleet, "back")
    names = {"MetricName": "drill", "Namespace": "tests", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
    cloudwatch = quick.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="back", ComparisonOperator="GreaterThanThreshold", **names)
    how = _rolling(3) | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "back"}]}}
    fleet.sagemaker.update_endpoint(EndpointName="back", EndpointConfigName="back-2", DeploymentConfig=how)
    with _Load(fleet, "back", callers=2) as load:
        _until(lambda: len(set(load.pids)) == 3)  # the first batch has begun to serve
        _until(lambda: "back-old" not in {fleet.invoke("back")["name"] for _ in range(4)})  # the last one serves alone
        cloudwatch.set_alarm_state(AlarmName="back", StateValue="ALARM", StateReason="a drill")
        assert fleet.wait("back")["EndpointConfigName"] == "back-1"
    assert load.errors == []
    answers = [fleet.invoke("back") for _ in range(4)]
    assert ({one["name"] for one in answers}, len({one["pid"] for one in answers})) == ({"back-old"}, 2)
    fleet.delete("back")


def test_a_rolling_update_replaces_instance_by_instance(fleet):
    _two_of_each(fleet, "roll")
    how = _rolling(1)
    with _Load(fleet, "roll", callers=2) as load:
        fleet.sagemaker.update_endpoint(EndpointName="roll", EndpointConfigName="roll-2", DeploymentConfig=how)
        assert fleet.wait("roll")["EndpointConfigName"] == "roll-2"
    assert load.errors == []
    # two old ones and, one after the other, two new ones: never four at once, never an answer from none
    assert len(set(load.pids)) == 4
    assert {fleet.invoke("roll")["name"] for _ in range(4)} == {"roll-new"}
    fleet.delete("roll")


def test_an_asynchronous_endpoint_scales_from_zero_on_its_backlog_and_back(quick, fleet):
    s3 = quick.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    fleet.model("idle")
    settings = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out"}}}
    fleet.endpoint("idle", fleet.config("idle", settings, idle=1.0))
    none = [{"VariantName": "idle", "DesiredInstanceCount": 0}]
    fleet.sagemaker.update_endpoint_weights_and_capacities(EndpointName="idle", DesiredWeightsAndCapacities=none)
    fleet.wait("idle")
    where = _register(quick, "idle", 0, 2)
    backlog = {"MetricName": "ApproximateBacklogSizePerInstance", "Namespace": "AWS/SageMaker", "Statistic": "Average"}
    backlog["Dimensions"] = [{"Name": "EndpointName", "Value": "idle"}]  # type: ignore[assignment]
    scaling = quick.client("application-autoscaling")
    scaling.put_scaling_policy(
        PolicyName="backlog",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 5.0, "CustomizedMetricSpecification": backlog, "ScaleInCooldown": 60},
        **where,
    )
    step = {"AdjustmentType": "ExactCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}], "Cooldown": 60}
    policy = scaling.put_scaling_policy(PolicyName="wake", PolicyType="StepScaling", StepScalingPolicyConfiguration=step, **where)
    quick.client("cloudwatch").put_metric_alarm(
        AlarmName="idle-wake",
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": "idle"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[policy["PolicyARN"]],
    )
    with pytest.raises(ClientError, match="asynchronous"):
        fleet.invoke("idle")
    s3.put_object(Bucket=BUCKET, Key="in", Body=json.dumps({}))
    answer = fleet.runtime.invoke_endpoint_async(EndpointName="idle", InputLocation=f"s3://{BUCKET}/in")
    key = answer["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    _until(lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"] == 1)
    _until(lambda: _count(fleet, "idle") == 0)
    fleet.wait("idle")
    fleet.delete("idle")
