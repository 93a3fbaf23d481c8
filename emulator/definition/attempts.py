"""One step from its arguments to its end: resolved, looked up in the cache, run, and run again as its retry policies say."""

from typing import Any

from emulator.definition.cache import KEYS, cache_key, recall, remember
from emulator.definition.functions import FunctionError, resolve
from emulator.definition.records import update_step
from emulator.definition.retry import Retries
from emulator.definition.step_run import StepFailedError, StepRun, StepStoppedError
from emulator.definition.steps import KINDS

Properties = dict[str, Any]


def run_step(run: StepRun) -> Properties:
    """Run a step to its success and return its properties.

    Raises
    ------
    StepFailedError, StepStoppedError
        When it ends otherwise.
    """
    arguments = _arguments(run)
    if run.step.kind not in KEYS:
        return _attempts(run, arguments)
    key = cache_key(run.scope.variables["PipelineName"], run.step.name, run.step.kind, arguments, run.context)
    config = run.step.raw.get("CacheConfig") or {}
    found = recall(run.context, key, config.get("ExpireAfter")) if config.get("Enabled") else None
    if found is not None:
        hit = {"CacheHitResult": {"SourcePipelineExecutionArn": found["Execution"]}, "AttemptCount": 0}
        update_step(run.context, run.execution, run.step.name, hit)
        return dict(found["Properties"])
    properties = _attempts(run, arguments)
    remember(run.context, key, run.execution, properties)
    return properties


def _arguments(run: StepRun) -> dict[str, Any]:
    if run.step.kind == "Condition":
        return {}
    try:
        return dict(resolve(run.step.arguments, run.scope))
    except FunctionError as error:
        raise StepFailedError(f"ClientError: {error}") from None


def _attempts(run: StepRun, arguments: dict[str, Any]) -> Properties:
    retries, attempt = Retries(run.step.raw.get("RetryPolicies") or []), 1
    while True:
        try:
            return KINDS[run.step.kind](run, arguments)
        except StepFailedError as error:
            wait = retries.wait_seconds(error.exception)
            if wait is None:
                raise
        if run.stopping.wait(wait * run.context.wait_scale):
            raise StepStoppedError
        attempt += 1
        update_step(run.context, run.execution, run.step.name, {"AttemptCount": attempt})
