"""CloudWatch: log groups, metric filters, alarms and dashboards."""

from __future__ import annotations

import json
from typing import Any

from emulator.cloudformation.kinds import Made, Properties, Resource, Work

_ALARM = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Tags",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
)


class LogGroup(Resource):
    """AWS::Logs::LogGroup."""

    type = "AWS::Logs::LogGroup"
    known = frozenset({"LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags"})
    fixed = frozenset({"LogGroupName"})
    name_property = "LogGroupName"
    simulated = "retention and encryption are recorded; the lines are lost when the emulator ends"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("LogGroupName") or work.name(256)
        tags = {tag["Key"]: tag["Value"] for tag in work.tags(properties)} or None
        given = {"kmsKeyId": properties.get("KmsKeyId"), "logGroupClass": properties.get("LogGroupClass")}
        work.call("logs", "create_log_group", logGroupName=name, tags=tags, **given)
        return self._set(work, name, properties)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        return self._set(work, made.physical_id, new)

    def _set(self, work: Work, name: str, properties: Properties) -> Made:
        if "RetentionInDays" in properties:
            work.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=properties["RetentionInDays"])
        else:
            work.call("logs", "delete_retention_policy", logGroupName=name)
        return Made(name, {"Arn": work.context.arn(f"log-group:{name}:*", "logs")})

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("logs", "delete_log_group", logGroupName=made.physical_id)

    def find(self, work: Work, properties: Properties) -> Made | None:
        name = properties.get("LogGroupName", "")
        found = work.call("logs", "describe_log_groups", logGroupNamePrefix=name)["logGroups"] if name else []
        there = any(group["logGroupName"] == name for group in found)
        return Made(name, {"Arn": work.context.arn(f"log-group:{name}:*", "logs")}) if there else None


class MetricFilter(Resource):
    """AWS::Logs::MetricFilter."""

    type = "AWS::Logs::MetricFilter"
    known = frozenset({"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"})
    fixed = frozenset({"FilterName", "LogGroupName"})
    required = frozenset({"FilterPattern", "LogGroupName", "MetricTransformations"})
    simulated = "recorded: no metric is made from log lines"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("FilterName") or work.name(64)
        self._put(work, name, properties)
        return Made(name)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        self._put(work, made.physical_id, new)
        return made

    def _put(self, work: Work, name: str, properties: Properties) -> None:
        changed = [{f"{key[0].lower()}{key[1:]}": value for key, value in one.items()} for one in properties["MetricTransformations"]]
        given = {"logGroupName": properties["LogGroupName"], "filterPattern": properties["FilterPattern"]}
        work.call("logs", "put_metric_filter", filterName=name, metricTransformations=changed, **given)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("logs", "delete_metric_filter", filterName=made.physical_id, logGroupName=properties["LogGroupName"])


class Alarm(Resource):
    """AWS::CloudWatch::Alarm."""

    type = "AWS::CloudWatch::Alarm"
    known = frozenset({"AlarmName", *_ALARM})
    fixed = frozenset({"AlarmName"})
    required = frozenset({"ComparisonOperator", "EvaluationPeriods"})
    simulated = "its metrics are looked at during an update of an endpoint only; a state set by hand is told to rules and topics"

    def create(self, work: Work, properties: Properties) -> Made:
        return self._put(work, properties.get("AlarmName") or work.name(255), properties)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        return self._put(work, made.physical_id, new)

    def _put(self, work: Work, name: str, properties: Properties) -> Made:
        work.call("cloudwatch", "put_metric_alarm", AlarmName=name, **{key: properties[key] for key in _ALARM if key in properties})
        return Made(name, {"Arn": work.context.arn(f"alarm:{name}", "cloudwatch")})

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("cloudwatch", "delete_alarms", AlarmNames=[made.physical_id])


class CompositeAlarm(Resource):
    """AWS::CloudWatch::CompositeAlarm."""

    type = "AWS::CloudWatch::CompositeAlarm"
    known = frozenset(
        {"AlarmName", "AlarmRule", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"}
    )
    fixed = frozenset({"AlarmName"})
    required = frozenset({"AlarmRule"})
    simulated = "recorded: its rule is not evaluated"

    def create(self, work: Work, properties: Properties) -> Made:
        return self._put(work, properties.get("AlarmName") or work.name(255), properties)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        return self._put(work, made.physical_id, new)

    def _put(self, work: Work, name: str, properties: Properties) -> Made:
        given: dict[str, Any] = {**properties, "AlarmName": name}
        work.call("cloudwatch", "put_composite_alarm", **given)
        return Made(name, {"Arn": work.context.arn(f"alarm:{name}", "cloudwatch")})

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("cloudwatch", "delete_alarms", AlarmNames=[made.physical_id])


class Dashboard(Resource):
    """AWS::CloudWatch::Dashboard."""

    type = "AWS::CloudWatch::Dashboard"
    known = frozenset({"DashboardName", "DashboardBody"})
    fixed = frozenset({"DashboardName"})
    required = frozenset({"DashboardBody"})
    simulated = "recorded: nothing draws it"

    def create(self, work: Work, properties: Properties) -> Made:
        return self._put(work, properties.get("DashboardName") or work.name(255), properties)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        return self._put(work, made.physical_id, new)

    def _put(self, work: Work, name: str, properties: Properties) -> Made:
        body = properties["DashboardBody"]
        work.call("cloudwatch", "put_dashboard", DashboardName=name, DashboardBody=body if isinstance(body, str) else json.dumps(body))
        return Made(name)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("cloudwatch", "delete_dashboards", DashboardNames=[made.physical_id])
