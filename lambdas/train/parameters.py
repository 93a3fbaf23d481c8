"""What a caller may choose of an execution; everything else is refused by name.

The bars of the quality gate are not among it: who may ask for a training may not let a worse model through. Nor is the image, or any
machine beyond those that the settings name, which is what a run may cost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lambdas.train.refusal import refused

if TYPE_CHECKING:
    from pipelines.settings import Settings

MAX_PERIODS = 60

_SOURCE = "s3://{bucket}/housing/sources/"

Check = Callable[[Any, str, "Settings"], str]


def checked(asked: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """The parameters as StartPipelineExecution takes them. ApiError 400 naming the first that is not allowed."""
    chosen = {}
    for name, value in asked.items():
        check = ALLOWED.get(str(name))
        if check is None:
            known = ", ".join(sorted(ALLOWED))
            raise refused("unknown_parameter", f"parameters.{str(name)[:60]}", f"is not a parameter that may be chosen; known: {known}")
        chosen[name] = check(value, f"parameters.{name}", settings)
    return chosen


def _whole(most: int) -> Check:
    def check(value: Any, field: str, _: Settings) -> str:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise refused("invalid_parameter", field, f"is not a whole number from 1 to {most}")
        return str(value)

    return check


def _source(value: Any, field: str, settings: Settings) -> str:
    prefix = _SOURCE.format(bucket=settings.bucket)
    if not isinstance(value, str) or not re.fullmatch(re.escape(prefix) + r"[0-9a-f]{64}/", value):
        raise refused("invalid_parameter", field, f"is not the address of an uploaded source, {prefix}SHA256/")
    return value


def _machine(value: Any, field: str, settings: Settings) -> str:
    known = (settings.training_instance_type, *settings.training_fallback_types)
    if value not in known:
        raise refused("invalid_parameter", field, f"is not a machine of the settings; known: {', '.join(known)}")
    return str(value)


ALLOWED: dict[str, Check] = {
    "Horizon": _whole(MAX_PERIODS),
    "Origins": _whole(MAX_PERIODS),
    "SourceUri": _source,
    "TrainingInstanceType": _machine,
}
"""Name -> check; periods are those of the panel."""
