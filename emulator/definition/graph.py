"""Which step waits for which: by DependsOn, by references, and by the Condition that it stands in."""

from emulator.definition.document import Definition, Step
from emulator.definition.functions import gets, split_step
from emulator.errors import invalid

_NESTED = ("IfSteps", "ElseSteps")


def dependencies(definition: Definition) -> dict[str, set[str]]:
    """The names of the steps that each step waits for.

    Raises
    ------
    ApiError
        `ValidationException` for a reference to a step or parameter that doesn't exist, and for a cycle.
    """
    found = {step.name: _of(step, definition) for step in definition.steps.values()}
    _refuse_cycles(found)
    return found


def _of(step: Step, definition: Definition) -> set[str]:
    # what stands inside a Condition's branches belongs to the steps there
    own = {key: value for key, value in step.raw.items() if key != "Arguments"}
    own["Arguments"] = {key: value for key, value in step.arguments.items() if key not in _NESTED}
    waits = set(step.raw.get("DependsOn") or []) | ({step.parent} if step.parent else set())
    for reference in gets(own):
        root, _, rest = reference.partition(".")
        if root == "Steps":
            waits.add(split_step(rest)[0])
        elif root == "Parameters" and rest not in definition.parameters:
            raise invalid(f"Step {step.name!r} refers to the parameter {rest!r}, which the pipeline definition does not have")
    for name in sorted(waits - set(definition.steps)):
        raise invalid(f"Step {step.name!r} refers to the step {name!r}, which the pipeline definition does not have")
    return waits


def _refuse_cycles(waits: dict[str, set[str]]) -> None:
    left = dict(waits)
    while left:
        free = [name for name, needed in left.items() if not needed & set(left)]
        if not free:
            raise invalid(f"Pipeline definition has a cycle among the steps {sorted(left)}")
        for name in free:
            del left[name]
