"""What each type of step does: a function from (run, resolved arguments) to the step's properties."""

from collections.abc import Callable
from typing import Any

from emulator.definition.step_run import StepRun
from emulator.definition.steps.callback import run_callback
from emulator.definition.steps.condition import run_condition
from emulator.definition.steps.fail import run_fail
from emulator.definition.steps.function import run_function
from emulator.definition.steps.job import PROCESSING, TRAINING, TRANSFORM, TUNING
from emulator.definition.steps.model import run_model, run_register

Properties = dict[str, Any]
RunStep = Callable[[StepRun, dict[str, Any]], Properties]

KINDS: dict[str, RunStep] = {
    "Processing": PROCESSING.run,
    "Training": TRAINING.run,
    "Transform": TRANSFORM.run,
    "Tuning": TUNING.run,
    "Model": run_model,
    "RegisterModel": run_register,
    "Condition": run_condition,
    "Fail": run_fail,
    "Lambda": run_function,
    "Callback": run_callback,
}
