"""Rules on functions, buckets, logs, queues, the API and alarms: each returns the faults of a template as lines, none when it is sound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from emulator.errors import ApiError
from emulator.events.expressions import next_time
from lambdas.shared import metrics
from tests.unit.deploy.template import Document, of_type, texts

FUNCTION, ALARM, LOGS = "AWS::Lambda::Function", "AWS::CloudWatch::Alarm", "AWS::Logs::LogGroup"


def functions(template: Document) -> list[str]:
    """Each function: dead letters, a log that ends, a role of its own, a switchable reserve, an alias, alarms."""
    found, logs, faults = of_type(template, FUNCTION), of_type(template, LOGS), []
    aliased = {text for alias in of_type(template, "AWS::Lambda::Alias").values() for text in texts(alias["FunctionName"])}
    roles = [texts(function["Role"]) for function in found.values()]
    for name, function in found.items():
        log = logs.get(function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref", ""), {})
        wanted = {
            "no dead-letter queue": function.get("DeadLetterConfig", {}).get("TargetArn"),
            "its log has no end": log.get("RetentionInDays"),
            "logs under another name": log.get("LogGroupName") == f"/aws/lambda/{function['FunctionName']}",
            "shares its role": roles.count(texts(function["Role"])) == 1,
            "no alias": "${" + name + "}" in aliased,
            "its reserved concurrency is not a parameter that may be off": _switchable(
                template, function.get("ReservedConcurrentExecutions")
            ),
            "another runtime": function["Runtime"] == "python3.11" and function["Architectures"] == ["x86_64"],
            "no alarm on errors": _alarmed(template, "Errors", "FunctionName", function["FunctionName"]),
            "no alarm on throttles": _alarmed(template, "Throttles", "FunctionName", function["FunctionName"]),
        }
        faults += [f"{name}: {fault}" for fault, sound in wanted.items() if not sound]
    return faults


def buckets(template: Document) -> list[str]:
    """Each bucket: versioned, encrypted, private, tidied, and kept when the stack goes; the data's tells EventBridge."""
    faults = []
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        closed = bucket.get("PublicAccessBlockConfiguration", {})
        wanted = {
            "not versioned": bucket.get("VersioningConfiguration", {}).get("Status") == "Enabled",
            "not encrypted": bucket.get("BucketEncryption"),
            "public": len(closed) == 4 and all(value is True for value in closed.values()),
            "access by lists": bucket.get("OwnershipControls", {}).get("Rules") == [{"ObjectOwnership": "BucketOwnerEnforced"}],
            "never tidied": bucket.get("LifecycleConfiguration", {}).get("Rules"),
            "goes with the stack": template["Resources"][name].get("DeletionPolicy", "").startswith("Retain"),
        }
        faults += [f"{name}: {fault}" for fault, sound in wanted.items() if not sound]
    data = of_type(template, "AWS::S3::Bucket").get("DataBucket", {})
    if not data.get("NotificationConfiguration", {}).get("EventBridgeConfiguration", {}).get("EventBridgeEnabled"):
        faults.append("DataBucket: EventBridge hears nothing of uploads")
    return faults


def logs(template: Document) -> list[str]:
    wanted = {"never ends": "RetentionInDays", "is not under our key": "KmsKeyId"}
    return [
        f"{name}: {fault}" for name, group in of_type(template, LOGS).items() for fault, field in wanted.items() if not group.get(field)
    ]


def queues(template: Document) -> list[str]:
    """Each queue is encrypted and alarmed; one that is worked off has a queue of failures, which keeps them as long as there is."""
    faults = []
    for name, queue in of_type(template, "AWS::SQS::Queue").items():
        failures = queue["QueueName"].endswith("-failed")
        wanted = {
            "not encrypted": queue.get("SqsManagedSseEnabled") or queue.get("KmsMasterKeyId"),
            "no alarm": _alarmed(template, None, "QueueName", queue["QueueName"]),
            "no queue of failures": failures or queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"),
            "forgets failures early": not failures or queue.get("MessageRetentionPeriod") == 14 * 86400,
        }
        faults += [f"{name}: {fault}" for fault, sound in wanted.items() if not sound]
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            faults.append(f"{name}: one bad message fails its whole batch")
    return faults


def events(template: Document) -> list[str]:
    """Each rule: a schedule that can be read, and a place for what can't be delivered (a topic needs none: SNS keeps trying)."""
    faults = [f"schedule {text!r}: {fault}" for text in schedules(template) for fault in _unreadable(text)]
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        for target in rule["Targets"]:
            if "DeadLetterConfig" not in target and target["Arn"] != {"Ref": "Alarms"}:
                faults.append(f"{name}: what can't be delivered is lost")
    return faults


def schedules(template: Document) -> Iterator[str]:
    """Every schedule that a rule may have: those of the profiles too."""
    for rule in of_type(template, "AWS::Events::Rule").values():
        yield from (text for text in _choices(template, rule.get("ScheduleExpression", [])) if not text.startswith("${"))


def _choices(template: Document, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "Fn::FindInMap" in value:
        table, _, column = value["Fn::FindInMap"]
        yield from (row[column] for row in template["Mappings"][table].values())
    elif isinstance(value, dict) and "Fn::If" in value:
        yield from (text for branch in value["Fn::If"][1:] for text in _choices(template, branch))
    else:
        yield from texts(value)


def _unreadable(schedule: str) -> list[str]:
    now = datetime.now(UTC)
    try:
        return [] if next_time(schedule, now)(now) else ["is never due"]
    except ApiError as error:
        return [str(error)]


def api(template: Document) -> list[str]:
    """Every route asks who calls; the stage holds back a flood and logs; other sites' pages are shut out unless chosen."""
    faults = []
    for name, route in of_type(template, "AWS::ApiGatewayV2::Route").items():
        if not set(texts(route.get("AuthorizationType", "NONE"))) <= {"JWT", "AWS_IAM"}:
            faults.append(f"{name}: open to everybody")
    for name, method in of_type(template, "AWS::ApiGateway::Method").items():
        if method["AuthorizationType"] == "NONE":
            faults.append(f"{name}: open to everybody")
    for name, stage in of_type(template, "AWS::ApiGatewayV2::Stage").items():
        settings = stage.get("DefaultRouteSettings", {})
        if not settings.get("ThrottlingRateLimit") or not settings.get("ThrottlingBurstLimit"):
            faults.append(f"{name}: no throttling")
        if not stage.get("AccessLogSettings", {}).get("DestinationArn"):
            faults.append(f"{name}: no access log")
    for name, gateway in of_type(template, "AWS::ApiGatewayV2::Api").items():
        if gateway.get("CorsConfiguration", {}).get("Fn::If", [""])[0] != "HasCors" or template["Parameters"]["CorsOrigins"]["Default"]:
            faults.append(f"{name}: pages of other sites may call it")
    return faults


def alarms(template: Document) -> list[str]:
    """Each alarm tells somebody, says what it means and what silence is; those on our own metrics name ones that are written."""
    faults = []
    written = {value for key, value in vars(metrics).items() if key.isupper()}
    for name, alarm in of_type(template, ALARM).items():
        wanted = {
            "tells nobody": alarm.get("AlarmActions"),
            "does not say what it means": alarm.get("AlarmDescription"),
            "does not say what silence is": alarm.get("TreatMissingData"),
            "watches a metric that nothing writes": alarm["Namespace"] != metrics.NAMESPACE or alarm["MetricName"] in written,
        }
        faults += [f"{name}: {fault}" for fault, sound in wanted.items() if not sound]
    return faults


def dashboard(template: Document) -> list[str]:
    """Its body is JSON, no two widgets lie over one another, and our own metrics are ones that are written."""
    faults = []
    written = {value for key, value in vars(metrics).items() if key.isupper()}
    for name, board in of_type(template, "AWS::CloudWatch::Dashboard").items():
        widgets = json.loads(texts(board["DashboardBody"])[0])["widgets"]
        cells = [(x, y) for w in widgets for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])]
        if len(cells) != len(set(cells)) or max(x for x, _ in cells) > 23:
            faults.append(f"{name}: widgets overlap")
        for widget in widgets:
            own = [metric for metric in widget["properties"]["metrics"] if metric[0] == metrics.NAMESPACE]
            names = {metric[1] for metric in (widget["properties"]["metrics"] if own else [])}
            faults += [f"{name}: {metric} is written by nothing" for metric in sorted(names - written)]
    return faults


def _switchable(template: Document, value: Any) -> bool:
    if not isinstance(value, dict) or "Fn::If" not in value:
        return False
    condition, on, off = value["Fn::If"]
    default = template["Parameters"].get(on.get("Ref", ""), {}).get("Default")
    return off == {"Ref": "AWS::NoValue"} and default == -1 and condition in template["Conditions"]


def _alarmed(template: Document, metric: str | None, dimension: str, value: str) -> bool:
    return any(
        {"Name": dimension, "Value": value} in alarm.get("Dimensions", []) and metric in (None, alarm["MetricName"])
        for alarm in of_type(template, ALARM).values()
    )
