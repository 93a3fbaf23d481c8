"""What a function's name, ARN and qualifier mean: the function as it is, a published version, or the version behind an alias."""

from __future__ import annotations

import random
import re
from typing import Any

from emulator.context import Context
from emulator.errors import ApiError

KIND, VERSION, ALIAS = "function", "function-version", "function-alias"
LATEST = "$LATEST"
_NAME = re.compile(r"(?:(?:arn:aws[^:]*:lambda:[^:]*:)?\d{12}:)?(?:function:)?([A-Za-z0-9_-]+)(?::([A-Za-z0-9$_-]+))?")
_DICE = random.Random()  # noqa: S311 - a share of the traffic, not a secret


def split(reference: str, qualifier: str | None = None) -> tuple[str, str | None]:
    """The plain name, and the version or alias, of a function's name, partial ARN or ARN, with the request's own qualifier.

    Raises
    ------
    ApiError
        When the reference is none of these, or says another qualifier than the request.
    """
    found = _NAME.fullmatch(reference)
    if found is None:
        raise ApiError("ValidationException", f"{reference!r} is not the name or ARN of a function")
    if found[2] and qualifier and found[2] != qualifier:
        raise ApiError("InvalidParameterValueException", f"The derived qualifier from the function name ({found[2]}) is not {qualifier}.")
    return found[1], found[2] or qualifier


def function_of(context: Context, reference: str, qualifier: str | None = None) -> dict[str, Any]:
    """The record that a reference means; its FunctionArn is the one that was asked for, its Version the one that runs.

    An alias with two versions gives each its share of the calls, by lot.

    Raises
    ------
    ApiError
        ResourceNotFoundException as the service answers.
    """
    name, chosen = split(reference, qualifier)
    function = context.store.get(KIND, name)
    if function is None or chosen is None:
        if function is None:
            raise absent(context, name, chosen)
        return function
    if chosen == LATEST:
        return function | {"FunctionArn": f"{function['FunctionArn']}:{LATEST}"}
    alias = context.store.get(ALIAS, f"{name}:{chosen}")
    number = chosen if alias is None else _drawn(alias)
    version = function if number == LATEST else context.store.get(VERSION, f"{name}:{number}")
    if version is None:
        raise absent(context, name, chosen)
    return version | {key: function[key] for key in ("Reserved", "Tags") if key in function} | {"FunctionArn": arn(context, name, chosen)}


def latest_of(context: Context, reference: str) -> dict[str, Any]:
    """The record of a function as it is, for a request that changes it.

    Raises
    ------
    ApiError
        As `function_of`, and when the reference names a version or an alias: those don't change.
    """
    name, chosen = split(reference)
    if chosen not in (None, LATEST):
        raise ApiError("InvalidParameterValueException", f"{reference}: a version or alias can't be changed so; name the function alone.")
    return function_of(context, name)


def arn(context: Context, name: str, qualifier: str | None = None) -> str:
    """The ARN of a function, or of one of its versions or aliases."""
    return context.arn(f"function:{name}" + (f":{qualifier}" if qualifier else ""), "lambda")


def absent(context: Context, name: str, qualifier: str | None = None) -> ApiError:
    """The answer to a reference that means nothing."""
    return ApiError("ResourceNotFoundException", f"Function not found: {arn(context, name, qualifier)}", 404, {"Type": "User"})


def _drawn(alias: dict[str, Any]) -> str:
    for version, share in alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}).items():
        if _DICE.random() < share:
            return str(version)
    return str(alias["FunctionVersion"])
