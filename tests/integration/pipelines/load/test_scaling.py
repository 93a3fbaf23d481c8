"""The instance count follows the load up and down, and the clock; and nothing of it is left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines import endpoint, registry, scaling
from pipelines.settings import Settings
from pipelines.tags import tag_list

Register = Callable[..., str]
QUICK = {"scale_out_cooldown_seconds": 60, "scale_in_cooldown_seconds": 60}


def serve(register: Register, settings: Settings) -> None:
    registry.approve(register("a"), "", settings)
    endpoint.deploy(registry.newest(settings, "Approved"), settings)


def count(aws: Any, settings: Settings) -> int:
    found = aws.client("sagemaker").describe_endpoint(EndpointName=settings.endpoint_name)
    return int(found["ProductionVariants"][0]["CurrentInstanceCount"])


def reached(aws: Any, settings: Settings, wanted: Callable[[int], bool], seconds: float = 40) -> int:
    """The count once it is as wanted; the last one seen when time is up."""
    until = time.monotonic() + seconds
    while not wanted(seen := count(aws, settings)) and time.monotonic() < until:
        time.sleep(0.25)
    return seen


def ramp(aws: Any, settings: Settings, stream: Callable[..., Any]) -> None:
    """Eighteen requests a second, then two."""
    assert count(aws, settings) == 1
    with stream(settings.endpoint_name, 18.0) as load:
        assert reached(aws, settings, lambda seen: seen >= 4) in {4, 5}, "18 / (10 * 0.5), rounded up; a busy computer sends in bursts"
    assert load.failed == []
    with stream(settings.endpoint_name, 2.0):
        assert reached(aws, settings, lambda seen: seen == 1) == 1, "one instance carries 5 a second"


def night(aws: Any, settings: Settings) -> None:
    """Off-hours that begin and end within seconds."""
    assert count(aws, settings) == 3
    assert reached(aws, settings, lambda seen: seen == 1) == 1
    assert reached(aws, settings, lambda seen: seen == 3) == 3


def queue(aws: Any, settings: Settings) -> None:
    """No work, then a piece of it."""
    aws.client("s3").put_object(Bucket="toys", Key=f"{settings.endpoint_name}.json", Body=b"{}")
    assert reached(aws, settings, lambda seen: seen == 0) == 0
    aws.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=settings.endpoint_name, InputLocation=f"s3://toys/{settings.endpoint_name}.json"
    )
    assert reached(aws, settings, lambda seen: seen >= 1) >= 1


def at(seconds: float) -> str:
    return f"at({datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def test_the_count_follows_the_load_up_and_down_the_clock_and_a_queue(
    aws: Any, settings: Settings, register: Register, stream: Callable[..., Any]
) -> None:
    """Three endpoints at once, as most of it is waiting."""
    measured = {"scaling_metric": "invocations", "measured_requests_per_second": 10.0, "scaling_headroom": 0.5, "max_instances": 6}
    asked = settings.model_copy(update={"endpoint_name": f"{settings.endpoint_name}-asked", **measured, **QUICK})
    queued = settings.model_copy(
        update={"endpoint_name": f"{settings.endpoint_name}-queued", "serving": "async", "max_instances": 2, **QUICK}
    )
    serve(register, asked)
    serve(register, queued)
    schedule = {"off_hours_start": at(6), "off_hours_end": at(12), "off_hours_max_instances": 1}
    standing = {"min_instances": 3, "endpoint_instance_count": 3}
    scheduled = settings.model_copy(update={"endpoint_name": f"{settings.endpoint_name}-night", **standing, **schedule})
    serve(register, scheduled)
    with ThreadPoolExecutor(3) as threads:
        scenes = [threads.submit(ramp, aws, asked, stream), threads.submit(night, aws, scheduled), threads.submit(queue, aws, queued)]
    for scene in scenes:
        scene.result()
    for one in (asked, queued, scheduled):
        assert endpoint.delete(one) is True


def test_the_wake_up_alarm_is_tagged_and_deleting_an_endpoint_leaves_neither_target_nor_policy_nor_schedule_nor_alarm(
    aws: Any, settings: Settings, register: Register
) -> None:
    night = {"off_hours_start": "cron(0 20 ? * * *)", "off_hours_end": "cron(0 6 ? * * *)"}
    settings = settings.model_copy(update={"serving": "async", **night})
    serve(register, settings)
    (wake,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{settings.endpoint_name}-backlog"])["MetricAlarms"]
    assert aws.client("cloudwatch").list_tags_for_resource(ResourceARN=wake["AlarmArn"])["Tags"] == tag_list(settings)
    scaler, only = aws.client("application-autoscaling"), {"ServiceNamespace": "sagemaker"}
    resource = f"endpoint/{settings.endpoint_name}/variant/main"
    assert len(scaler.describe_scaling_policies(**only, ResourceId=resource)["ScalingPolicies"]) == 2
    assert len(scaler.describe_scheduled_actions(**only, ResourceId=resource)["ScheduledActions"]) == 2

    assert endpoint.delete(settings) is True
    assert scaling.registered(settings.endpoint_name, settings) is None
    assert scaler.describe_scaling_policies(**only, ResourceId=resource)["ScalingPolicies"] == []
    assert scaler.describe_scheduled_actions(**only, ResourceId=resource)["ScheduledActions"] == []
    assert aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=settings.endpoint_name)["MetricAlarms"] == []
