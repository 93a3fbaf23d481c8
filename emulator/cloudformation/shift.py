"""What CodeDeploy does when an alias moves: a share of the calls first, then the rest, and back when an alarm goes off."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from emulator.cloudformation.kinds import Properties, ResourceError, Work
from emulator.cloudformation.stack import Stack
from emulator.endpoints.alarms import alarming

_NAMED = re.compile(r"CodeDeployDefault\.Lambda(Canary|Linear)(\d+)Percent(?:Every)?(\d+)Minutes?")
_LOOK_SECONDS = 0.2


def shift(work: Work, preference: Mapping[str, Any], old: Properties, new: Properties) -> None:
    """Move an alias from its old version towards the new one, as its deployment group says; returns when all may follow.

    Raises
    ------
    ResourceError
        When an alarm of the group goes off: then the alias has its old version again.
    """
    group = _group(work, preference["DeploymentGroupName"])
    alarms = [str(one["Name"]) for one in group.get("AlarmConfiguration", {}).get("Alarms", [])]
    where = {"FunctionName": new["FunctionName"], "Name": new["Name"]}
    for share, seconds in _steps(group.get("DeploymentConfigName", "CodeDeployDefault.LambdaAllAtOnce")):
        routing = {"AdditionalVersionWeights": {new["FunctionVersion"]: share}}
        work.call("lambda", "update_alias", **where, FunctionVersion=old["FunctionVersion"], RoutingConfig=routing)
        until = time.monotonic() + seconds * work.context.wait_scale
        while True:
            if fired := alarming(work.context, alarms):
                work.call("lambda", "update_alias", **where, FunctionVersion=old["FunctionVersion"], RoutingConfig={})
                raise ResourceError(f"The deployment was stopped and rolled back: alarm {fired[0]} is in state ALARM")
            if time.monotonic() >= until:
                break
            time.sleep(_LOOK_SECONDS)


def _group(work: Work, name: str) -> dict[str, Any]:
    """The properties of the stack's deployment group: moto keeps no alarms of it."""
    for held in Stack(work.context, work.stack_id).held.values():
        if held.type == "AWS::CodeDeploy::DeploymentGroup" and held.made.physical_id == name:
            return held.properties
    raise ResourceError(f"Deployment group {name} is not one of this stack: this emulator looks at no other")


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
