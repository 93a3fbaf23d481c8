"""The conditions of a Condition step."""

import operator
from typing import Any

from emulator.definition.functions import FunctionError, Scope, resolve

_COMPARISONS = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def holds(condition: dict[str, Any], scope: Scope) -> bool:
    """Whether a condition is true in an execution.

    Raises
    ------
    FunctionError
        For a type that doesn't exist, values that can't be compared, or a function that can't be resolved.
    """
    kind = condition.get("Type")
    if kind == "Not":
        return not holds(condition["Condition"], scope)
    if kind == "Or":
        return any(holds(inner, scope) for inner in condition["Conditions"])
    if kind == "In":
        return resolve(condition["QueryValue"], scope) in resolve(condition["Values"], scope)
    if kind not in _COMPARISONS:
        raise FunctionError(f"there is no condition of type {kind!r}")
    left, right = resolve(condition["LeftValue"], scope), resolve(condition["RightValue"], scope)
    try:
        return bool(_COMPARISONS[kind](left, right))
    except TypeError:
        raise FunctionError(f"{kind}: {left!r} and {right!r} cannot be compared") from None
