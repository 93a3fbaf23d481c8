"""What CodeDeploy does when an alias moves: a share of the calls first, then the rest, and back when an alarm goes off."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from emulator.cloudformation.kinds import Properties, ResourceError, Work

_NAMED = re.compile(r"CodeDeployDefault\.Lambda(Canary|Linear)(\d+)Percent(?:Every)?(\d+)Minutes?")
_LOOK_SECONDS = 0.2


def shift(work: Work, preference: Mapping[str, Any], old: Properties, new: Properties) -> None:
    """Move an alias from its old version towards the new one, as its deployment group says; returns when all may follow.

    Raises
    ------
    ResourceError
        When an alarm of the group goes off: then the alias has its old version again.
    """
    names = {"applicationName": preference["ApplicationName"], "deploymentGroupName": preference["DeploymentGroupName"]}
    group = work.call("codedeploy", "get_deployment_group", **names)["deploymentGroupInfo"]
    alarms = [one["name"] for one in group.get("alarmConfiguration", {}).get("alarms", [])]
    where = {"FunctionName": new["FunctionName"], "Name": new["Name"]}
    for share, seconds in _steps(group.get("deploymentConfigName", "CodeDeployDefault.LambdaAllAtOnce")):
        routing = {"AdditionalVersionWeights": {new["FunctionVersion"]: share}}
        work.call("lambda", "update_alias", **where, FunctionVersion=old["FunctionVersion"], RoutingConfig=routing)
        until = time.monotonic() + seconds * work.context.wait_scale
        while True:
            if fired := _fired(work, alarms):
                work.call("lambda", "update_alias", **where, FunctionVersion=old["FunctionVersion"], RoutingConfig={})
                raise ResourceError(f"The deployment was stopped and rolled back: alarm {fired} is in state ALARM")
            if time.monotonic() >= until:
                break
            time.sleep(_LOOK_SECONDS)


def _steps(name: str) -> list[tuple[float, float]]:
    """The shares on the way to all, and how many seconds each is watched."""
    found = _NAMED.fullmatch(name)
    if found is None:
        if name == "CodeDeployDefault.LambdaAllAtOnce":
            return []
        raise ResourceError(f"DeploymentConfigName {name} is not known to this emulator")
    percent, minutes = int(found[2]), int(found[3])
    shares = [percent] if found[1] == "Canary" else range(percent, 100, percent)
    return [(share / 100, minutes * 60.0) for share in shares]


def _fired(work: Work, alarms: list[str]) -> str | None:
    if not alarms:
        return None
    found = work.call("cloudwatch", "describe_alarms", AlarmNames=alarms, StateValue="ALARM")["MetricAlarms"]
    return str(found[0]["AlarmName"]) if found else None
