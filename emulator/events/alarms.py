"""An alarm's change of state: an event for rules, and a message for the topics and functions that the alarm names as its actions."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import moto.cloudwatch.models
from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients
from emulator.context import Context
from emulator.events.bus import Bus
from emulator.operations import at_start

_MOTO: Any = moto.cloudwatch.models
_ORIGINAL: Any = _MOTO.Alarm.update_state
_LOG = logging.getLogger(__name__)


class Actions:
    """Carries out what alarms name as their actions; `context.part(Actions)` is the one to use."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._threads = ThreadPoolExecutor(1, "alarm-actions")

    def start(self, alarm: Any, before: Mapping[str, Any]) -> None:
        """Tell everybody whom the alarm names for its new state, in a thread of its own: moto waits for nobody."""
        named = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions, "INSUFFICIENT_DATA": alarm.insufficient_data_actions}
        if alarm.actions_enabled:
            for arn in named[alarm.state_value] or []:
                self._threads.submit(self._tell, str(arn), json.dumps(_message(self._context, alarm, before)))

    def _tell(self, arn: str, message: str) -> None:
        service, clients = arn.split(":")[2], self._context.part(Clients)
        try:
            if service == "sns":
                clients.get("sns").publish(TopicArn=arn, Message=message, Subject=f"{json.loads(message)['NewStateValue']}: an alarm")
            elif service == "lambda":
                clients.get("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=message)
        except (ClientError, BotoCoreError) as error:
            _LOG.warning("alarm action %s: %s", arn, error)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@at_start
def watch(context: Context) -> None:
    """See every change of an alarm's state, whoever makes it."""

    def update_state(alarm: Any, reason: str, reason_data: str, state_value: str) -> None:
        before = _state(alarm)
        _ORIGINAL(alarm, reason, reason_data, state_value)
        if alarm.state_value != before["value"]:
            detail = {"alarmName": alarm.name, "state": _state(alarm), "previousState": before, "configuration": _configuration(alarm)}
            context.part(Bus).publish("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm.alarm_arn])
            context.part(Actions).start(alarm, before)

    _MOTO.Alarm.update_state = update_state


def _state(alarm: Any) -> dict[str, Any]:
    moment = alarm.state_updated_timestamp.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    state = {"value": alarm.state_value, "reason": alarm.state_reason, "timestamp": moment}
    return state | ({"reasonData": alarm.state_reason_data} if alarm.state_reason_data else {})


def _configuration(alarm: Any) -> dict[str, Any]:
    if not alarm.metric_name:
        return {"description": alarm.description or ""}
    dimensions = {dimension.name: dimension.value for dimension in alarm.dimensions}
    metric = {"namespace": alarm.namespace, "name": alarm.metric_name, "dimensions": dimensions}
    stat = {"metric": metric, "period": alarm.period, "stat": alarm.statistic or alarm.extended_statistic}
    return {"description": alarm.description or "", "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]}


def _message(context: Context, alarm: Any, before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": context.account,
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _state(alarm)["timestamp"],
        "Region": context.region,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before["value"],
        "Trigger": {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "Period": alarm.period,
            "EvaluationPeriods": alarm.evaluation_periods,
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": alarm.threshold,
        },
    }
