"""Step caching: which earlier run of a step has the same inputs, by the attributes that AWS documents as its key."""

import hashlib
import json
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError, ImageError, invalid
from emulator.sandbox import image_digest

if TYPE_CHECKING:
    from emulator.context import Context

# https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html
KEYS = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Tuning": ("HyperParameterTuningJobConfig", "TrainingJobDefinition"),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}
_IMAGES = ("ImageUri", "TrainingImage", "Image")
_TRIAL_KEYS = ("AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig", "StaticHyperParameters", "TuningObjective")
_KIND = "step-cache"
_SECONDS = {"y": 365 * 86400, "m": 30 * 86400, "w": 7 * 86400, "d": 86400}
_CLOCK_SECONDS = {"h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"p?(?P<date>(?:\d+[ymwd])*)(?:t(?P<clock>(?:\d+[hms])+))?")


def cache_key(pipeline: str, step: str, kind: str, arguments: dict[str, Any], context: "Context") -> str:
    """The key of a step's run with resolved `arguments`.

    Two things differ from AWS: a Transform step is keyed by the containers of its model and not by the model's name, which every
    execution makes anew, so that there it is never found again; and the code behind an image counts, as its digest would there.
    """
    subset = {name: arguments[name] for name in KEYS[kind] if arguments.get(name)}
    if kind == "Transform":
        subset["ModelName"] = _containers(arguments["ModelName"], context)
    if "TrainingJobDefinition" in subset:
        subset["TrainingJobDefinition"] = {name: subset["TrainingJobDefinition"].get(name) for name in _TRIAL_KEYS}
    text = json.dumps([pipeline, step, kind, subset, _digests(subset, context)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digests(subset: Any, context: "Context") -> list[str]:
    """The digest of each image that is named in `subset`; an image that can't be found has none, its job will say so."""
    if isinstance(subset, list):
        return [digest for item in subset for digest in _digests(item, context)]
    if not isinstance(subset, dict):
        return []
    found = [digest for item in subset.values() for digest in _digests(item, context)]
    for image in (subset[name] for name in _IMAGES if isinstance(subset.get(name), str)):
        with suppress(ImageError):
            found.append(image_digest(context, image))
    return found


def _containers(model: str, context: "Context") -> Any:
    from emulator.protocol import call

    try:
        described = call("sagemaker", "DescribeModel", {"ModelName": model}, context)
    except ApiError:
        return model
    return [described.get("PrimaryContainer"), described.get("Containers")]


def remember(context: "Context", key: str, execution: str, properties: dict[str, Any]) -> None:
    """Keep a successful run; a later one of the same key takes its place."""
    context.store.put(_KIND, key, {"Execution": execution, "Properties": properties, "Time": time.time()})


def recall(context: "Context", key: str, expire_after: str | None) -> dict[str, Any] | None:
    """The latest run of that key that is no older than `expire_after`, nor than its pipeline: `Execution` and `Properties`.

    With a pipeline that is deleted its results are forgotten: one of the same name begins anew.
    """
    found = context.store.get(_KIND, key)
    if found is None or (expire_after and time.time() - found["Time"] > seconds_of(expire_after)):
        return None
    pipeline = context.store.get("pipeline", found["Execution"].split("/")[1])
    return None if pipeline is None or pipeline["CreationTime"] > found["Time"] else found


def seconds_of(duration: str) -> int:
    """Seconds of an ExpireAfter, in ISO 8601 (`P30D`, `PT1H`) or in the service's short form (`30d`, `T16m`, `30dT5h`).

    Raises
    ------
    ApiError
        When it is neither.
    """
    match = _DURATION.fullmatch(duration.lower())
    if match is None or not (match["date"] or match["clock"]):
        raise invalid(f"ExpireAfter {duration!r} is not a duration: write it as 30d, T16m, 30dT5h or P30D")
    dates = re.findall(r"(\d+)([ymwd])", match["date"])
    clocks = re.findall(r"(\d+)([hms])", match["clock"] or "")
    return sum(int(count) * _SECONDS[unit] for count, unit in dates) + sum(int(count) * _CLOCK_SECONDS[unit] for count, unit in clocks)
