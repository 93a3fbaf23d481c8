"""SageMaker's state-change events, from the changes of the emulator's own records."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.context import Context
from emulator.events.bus import Bus
from emulator.operations import at_start

SOURCE = "aws.sagemaker"


def _snake(status: str) -> str:
    """InService as the endpoint's event says it: IN_SERVICE."""
    return "".join(f"_{letter}" if letter.isupper() and number else letter for number, letter in enumerate(status)).upper()


def _same(record: Mapping[str, Any], _before: str | None) -> dict[str, Any]:
    return {key: _milliseconds(key, value) for key, value in record.items() if value is not None and key[0].isupper() and key != "Config"}


def _milliseconds(key: str, value: Any) -> Any:
    return int(value * 1000) if key.endswith("Time") and isinstance(value, int | float) else value


def _endpoint(record: Mapping[str, Any], before: str | None) -> dict[str, Any]:
    return _same(record, before) | {"EndpointStatus": _snake(record["EndpointStatus"])}


def _execution(record: Mapping[str, Any], before: str | None) -> dict[str, Any]:
    arn = record["PipelineExecutionArn"]
    detail = {
        "pipelineArn": arn.rpartition("/execution/")[0],
        "pipelineExecutionArn": arn,
        "pipelineExecutionDisplayName": record.get("PipelineExecutionDisplayName"),
        "pipelineExecutionDescription": record.get("PipelineExecutionDescription"),
        "previousPipelineExecutionStatus": before,
        "currentPipelineExecutionStatus": record["PipelineExecutionStatus"],
    }
    return {key: value for key, value in detail.items() if value is not None}


@dataclass(frozen=True)
class _Source:
    """How the records of one kind become events: the fields that must change, the ARN, the event's name and its detail."""

    fields: tuple[str, ...]
    arn: str
    detail_type: str
    detail: Callable[[Mapping[str, Any], str | None], dict[str, Any]] = _same

    def state(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        """What must change for an event."""
        return tuple(record.get(field) for field in self.fields)


_SOURCES = {
    "training-job": _Source(("TrainingJobStatus", "SecondaryStatus"), "TrainingJobArn", "SageMaker Training Job State Change"),
    "processing-job": _Source(("ProcessingJobStatus",), "ProcessingJobArn", "SageMaker Processing Job State Change"),
    "transform-job": _Source(("TransformJobStatus",), "TransformJobArn", "SageMaker Transform Job State Change"),
    "tuning-job": _Source(
        ("HyperParameterTuningJobStatus",), "HyperParameterTuningJobArn", "SageMaker HyperParameter Tuning Job State Change"
    ),
    "endpoint": _Source(("EndpointStatus",), "EndpointArn", "SageMaker Endpoint State Change", _endpoint),
    "model-package": _Source(("ModelPackageStatus", "ModelApprovalStatus"), "ModelPackageArn", "SageMaker Model Package State Change"),
    "pipeline-execution": _Source(
        ("PipelineExecutionStatus",),
        "PipelineExecutionArn",
        "SageMaker Model Building Pipeline Execution Status Change",
        _execution,
    ),
}


class Changes:
    """Watches the records of one emulator."""

    def __init__(self, context: Context) -> None:
        self._bus = context.part(Bus)
        self._lock = threading.Lock()
        records = [(source, record) for kind, source in _SOURCES.items() for record in context.store.list(kind)]
        self._known = {record[source.arn]: source.state(record) for source, record in records}

    def seen(self, kind: str, record: Mapping[str, Any]) -> None:
        """Publish an event when the record's state is another than before."""
        source = _SOURCES.get(kind)
        if source is None or source.arn not in record:
            return
        state = source.state(record)
        with self._lock:
            before = self._known.get(record[source.arn])
            self._known[record[source.arn]] = state
        if before != state:
            detail = source.detail(record, str(before[0]) if before is not None else None)
            self._bus.publish(SOURCE, source.detail_type, detail, [record[source.arn]])


@at_start
def watch(context: Context) -> None:
    """Publish the changes from now on."""
    context.store.watch(Changes(context).seen)
