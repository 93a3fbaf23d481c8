"""Lambda steps: invoke a function and take its outputs."""

import json
from typing import Any

from emulator.definition.functions import text_of
from emulator.definition.step_run import StepFailedError, StepRun
from emulator.definition.steps.invoke import invoke


def run_function(run: StepRun, arguments: dict[str, Any]) -> dict[str, Any]:
    """Invoke the step's function with the arguments as its event; the declared outputs become `OutputParameters`."""
    arn = run.step.raw["FunctionArn"]
    request = {"FunctionName": arn, "InvocationType": "RequestResponse", "Payload": json.dumps(arguments).encode()}
    answer = invoke(run, "Invoke", request, service="lambda")
    payload = _json(answer.get("Payload", b"null"))
    if answer.get("FunctionError"):
        raise StepFailedError(f"ClientError: the function {arn} failed: {text_of(payload)}"[:1024])
    outputs = {name: _output(payload, name, arn) for name in _declared(run)}
    shown = [{"Name": name, "Value": text_of(value)} for name, value in outputs.items()]
    run.show({"Lambda": {"Arn": arn, "OutputParameters": shown}})
    return {"OutputParameters": outputs}


def _declared(run: StepRun) -> list[str]:
    return [output["OutputName"] for output in run.step.raw.get("OutputParameters") or []]


def _json(payload: Any) -> Any:
    content = payload if isinstance(payload, bytes | str) else payload.read()
    try:
        return json.loads(content or b"null")
    except ValueError:
        raise StepFailedError("ClientError: the function's answer is not JSON") from None


def _output(payload: Any, name: str, arn: str) -> Any:
    if not isinstance(payload, dict) or name not in payload:
        raise StepFailedError(f"ClientError: the answer of the function {arn} has no output {name!r}")
    return payload[name]
