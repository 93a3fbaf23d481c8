"""EventBridge: rules with their targets, and schedules."""

from __future__ import annotations

import json
from typing import Any

from emulator.cloudformation.kinds import Made, Properties, Resource, Work


class Rule(Resource):
    """AWS::Events::Rule."""

    type = "AWS::Events::Rule"
    known = frozenset({"Name", "Description", "EventBusName", "EventPattern", "ScheduleExpression", "State", "RoleArn", "Targets"})
    fixed = frozenset({"Name", "EventBusName"})
    remembered = True

    def create(self, work: Work, properties: Properties) -> Made:
        return self._put(work, properties.get("Name") or work.name(64), properties)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        kept = {target["Id"] for target in new.get("Targets", [])}
        gone = [target["Id"] for target in old.get("Targets", []) if target["Id"] not in kept]
        if gone:
            work.quietly("events", "remove_targets", Rule=made.physical_id, Ids=gone)
        return self._put(work, made.physical_id, new)

    def _put(self, work: Work, name: str, properties: Properties) -> Made:
        pattern = json.dumps(properties["EventPattern"]) if "EventPattern" in properties else None
        given = {key: properties.get(key) for key in ("Description", "EventBusName", "ScheduleExpression", "State", "RoleArn")}
        arn = work.call("events", "put_rule", Name=name, EventPattern=pattern, **given)["RuleArn"]
        if properties.get("Targets"):
            work.call("events", "put_targets", Rule=name, Targets=properties["Targets"])
        return Made(name, {"Arn": arn})

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        targets = work.quietly("events", "list_targets_by_rule", Rule=made.physical_id)
        ids = [target["Id"] for target in (targets or {}).get("Targets", [])]
        if ids:
            work.quietly("events", "remove_targets", Rule=made.physical_id, Ids=ids)
        work.quietly("events", "delete_rule", Name=made.physical_id)


class Schedule(Resource):
    """AWS::Scheduler::Schedule."""

    type = "AWS::Scheduler::Schedule"
    known = frozenset(
        {
            "Name",
            "GroupName",
            "Description",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "FlexibleTimeWindow",
            "StartDate",
            "EndDate",
            "State",
            "KmsKeyArn",
            "Target",
        }
    )
    fixed = frozenset({"Name", "GroupName"})
    required = frozenset({"ScheduleExpression", "FlexibleTimeWindow", "Target"})
    remembered = True

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("Name") or work.name(64)
        arn = work.call("scheduler", "create_schedule", **_named(properties, name))["ScheduleArn"]
        return Made(name, {"Arn": arn})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        work.call("scheduler", "update_schedule", **_named(new, made.physical_id))
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("scheduler", "delete_schedule", Name=made.physical_id, GroupName=properties.get("GroupName"))


def _named(properties: Properties, name: str) -> dict[str, Any]:
    return {**properties, "Name": name}
