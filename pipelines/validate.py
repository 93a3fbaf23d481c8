"""Checks a pipeline definition before the service does: arguments against botocore's models, references against the definition.

Each fault is one line that names the step and the field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.model import ServiceModel
from botocore.session import get_session

from pipelines import shapes
from pipelines.errors import DefinitionError

Step = Mapping[str, Any]

OPERATIONS = {
    "Processing": "CreateProcessingJob",
    "Training": "CreateTrainingJob",
    "Tuning": "CreateHyperParameterTuningJob",
    "Transform": "CreateTransformJob",
    "Model": "CreateModel",
    "RegisterModel": "CreateModelPackage",
    "EndpointConfig": "CreateEndpointConfig",
    "Endpoint": "CreateEndpoint",
}
"""Step type -> the API operation whose request its arguments are."""

OTHER_TYPES = frozenset({"Condition", "Fail", "Lambda", "Callback"})

NAMED_BY_THE_SERVICE = {
    "Processing": "ProcessingJobName",
    "Training": "TrainingJobName",
    "Tuning": "HyperParameterTuningJobName",
    "Transform": "TransformJobName",
    "Model": "ModelName",
}

ACCEPTED = {
    "string": {"String"},
    "integer": {"Integer"},
    "long": {"Integer"},
    "float": {"Integer", "Float"},
    "double": {"Integer", "Float"},
    "boolean": {"Boolean"},
}
"""API type -> the parameter types that fit it without `to_string()`."""


def check(definition: Mapping[str, Any]) -> None:
    """Raise DefinitionError with every fault, one a line, when there is any."""
    found = faults(definition)
    if found:
        raise DefinitionError("\n".join(found))


def faults(definition: Mapping[str, Any]) -> list[str]:
    """Every fault as `STEP.FIELD: what is wrong`; empty when the service would take the definition."""
    if not isinstance(definition, Mapping) or not isinstance(definition.get("Steps"), list):
        return ["definition.Steps: absent or not a list; export the definition again"]
    malformed = list(_forms(definition["Steps"], "definition.Steps"))
    if malformed:
        return malformed
    steps = list(walk(definition["Steps"]))
    model = get_session().get_service_model("sagemaker")
    parameters = {parameter["Name"]: parameter["Type"] for parameter in definition.get("Parameters", [])}
    found = list(_names(steps))
    for step in steps:
        found += _request(step, model)
        found += _parameter_types(step, model, parameters)
        found += _references(step, steps, parameters)
        found += _property_files(step)
    return found


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """Every step, those inside conditions included."""
    for step in steps:
        yield step
        if step.get("Type") == "Condition":
            yield from walk([*step["Arguments"].get("IfSteps", []), *step["Arguments"].get("ElseSteps", [])])


def _forms(steps: Any, path: str) -> Iterator[str]:
    """Steps without the three fields that the other checks read, inside conditions too."""
    if not isinstance(steps, list):
        yield f"{path}: not a list of steps"
        return
    for index, step in enumerate(steps):
        place = f"{path}[{index}]"
        if not isinstance(step, Mapping):
            yield f"{place}: not an object with Name, Type and Arguments"
            continue
        for field, kind, meaning in (("Name", str, "a text"), ("Type", str, "a text"), ("Arguments", dict, "an object")):
            if not isinstance(step.get(field), kind):
                yield f"{place}.{field}: absent or not {meaning}"
        if step.get("Type") == "Condition" and isinstance(step.get("Arguments"), Mapping):
            for branch in ("IfSteps", "ElseSteps"):
                yield from _forms(step["Arguments"].get(branch, []), f"{place}.Arguments.{branch}")


def _names(steps: Sequence[Step]) -> Iterator[str]:
    for name, count in Counter(step.get("Name") for step in steps).items():
        if count > 1:
            yield f"{name}: {count} steps have this name; a name is used once"
    for step in steps:
        if step["Type"] not in OPERATIONS and step["Type"] not in OTHER_TYPES:
            yield f"{step['Name']}.Type: {step['Type']!r} is not a step type that can be checked"


def _request(step: Step, model: ServiceModel) -> Iterator[str]:
    if step["Type"] not in OPERATIONS:
        return
    named = NAMED_BY_THE_SERVICE.get(step["Type"])
    request = step["Arguments"] | ({named: "named-by-the-service"} if named else {})
    yield from shapes.problems(request, _shape(step, model), step["Name"])


def _parameter_types(step: Step, model: ServiceModel, parameters: Mapping[str, str]) -> Iterator[str]:
    """A bare parameter keeps its own type: an Integer where the API wants a string is refused at run time only."""
    if step["Type"] not in OPERATIONS:
        return
    for path, function, shape in shapes.functions(step["Arguments"], _shape(step, model), step["Name"]):
        kind, _, name = str(function.get("Get", "")).partition(".")
        given = parameters.get(name)
        if kind == "Parameters" and given and given not in ACCEPTED.get(shape.type_name, {given}):
            yield f"{path}: the parameter {name} is {given}, the API wants {shape.type_name}; use .to_string()"


def _references(step: Step, steps: Sequence[Step], parameters: Mapping[str, str]) -> Iterator[str]:
    """Every `Get`, and every step waited for, must point to a parameter, a step or a property file of the definition."""
    by_name = {other["Name"]: other for other in steps}
    own = {key: value for key, value in step["Arguments"].items() if key not in ("IfSteps", "ElseSteps")}
    for index, name in enumerate(step.get("DependsOn", [])):
        if name not in by_name:
            yield f"{step['Name']}.DependsOn[{index}]: refers to the step {name}, which the definition does not have"
    for path, target in _targets(own, step["Name"]):
        kind, _, rest = target.partition(".")
        name, _, field = rest.partition(".")
        if kind == "Parameters" and rest not in parameters:
            yield f"{path}: refers to the parameter {rest}, which the definition does not have"
        elif kind == "Steps" and name not in by_name:
            yield f"{path}: refers to the step {name}, which the definition does not have"
        elif kind == "Steps" and field.startswith("PropertyFiles."):
            wanted = field.removeprefix("PropertyFiles.")
            if wanted not in {file["PropertyFileName"] for file in by_name[name].get("PropertyFiles", [])}:
                yield f"{path}: refers to the property file {wanted}, which {name} does not declare"


def _property_files(step: Step) -> Iterator[str]:
    outputs = {output["OutputName"] for output in step["Arguments"].get("ProcessingOutputConfig", {}).get("Outputs", [])}
    for file in step.get("PropertyFiles", []):
        if file["OutputName"] not in outputs:
            yield f"{step['Name']}.PropertyFiles.{file['PropertyFileName']}: no output {file['OutputName']!r}; there are {sorted(outputs)}"


def _targets(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Each `Get` in `value` as (where it stands, what it points to)."""
    if shapes.is_function(value) and "Get" in value:
        yield path, str(value["Get"])
    elif shapes.is_function(value):
        yield from ((path, target) for item in value.values() for _, target in _targets(item, path))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _targets(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _targets(item, f"{path}[{index}]")


def _shape(step: Step, model: ServiceModel) -> Any:
    return model.operation_model(OPERATIONS[step["Type"]]).input_shape
