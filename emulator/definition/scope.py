"""What the functions of one execution refer to: its parameters and variables, and the steps that have finished."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emulator.definition.document import Definition
from emulator.definition.functions import FunctionError
from emulator.definition.paths import PathError, follow
from emulator.s3 import ObjectError, Objects, join

if TYPE_CHECKING:
    from emulator.context import Context


class ExecutionScope:
    """The `Scope` of one execution."""

    def __init__(self, context: "Context", definition: Definition, execution: Mapping[str, Any]) -> None:
        self._context, self._definition = context, definition
        self.parameters: dict[str, Any] = execution["Parameters"]
        arn = execution["PipelineExecutionArn"]
        self.variables: dict[str, Any] = {
            "PipelineName": execution["PipelineName"],
            "PipelineArn": execution["PipelineArn"],
            "PipelineExecutionId": arn.rpartition("/")[2],
            "PipelineExecutionArn": arn,
            "StartDateTime": _iso(execution["CreationTime"]),
            "CurrentDateTime": _iso(datetime.now(UTC).timestamp()),
        }
        self._properties: dict[str, dict[str, Any]] = {}
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def finish(self, step: str, properties: dict[str, Any]) -> None:
        """Make a finished step's properties known."""
        self._properties[step] = properties

    def properties(self, step: str) -> dict[str, Any]:
        """What a finished step's Describe operation answers."""
        return self._properties[step]

    def property_file(self, step: str, name: str) -> bytes:
        """The content of a property file of a finished step."""
        declared = self._definition.steps[step].raw.get("PropertyFiles") or []
        file = next((item for item in declared if item["PropertyFileName"] == name), None)
        if file is None:
            raise FunctionError(f"step {step!r} has no property file {name!r}")
        try:
            output = follow(self.properties(step), f"ProcessingOutputConfig.Outputs['{file['OutputName']}'].S3Output.S3Uri")
        except (PathError, KeyError):
            raise FunctionError(f"property file {name!r}: step {step!r} has no output {file['OutputName']!r}") from None
        return self.object(join(output, file["FilePath"]))

    def object(self, uri: str) -> bytes:
        """The content of an S3 object, read once."""
        with self._lock:
            if uri not in self._objects:
                try:
                    self._objects[uri] = self._context.part(Objects).get(uri)
                except ObjectError as error:
                    raise FunctionError(str(error)) from None
            return self._objects[uri]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
