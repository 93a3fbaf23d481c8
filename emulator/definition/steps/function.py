"""Lambda steps: invoke a function and take its outputs."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients
from emulator.definition.functions import text_of
from emulator.definition.retry import type_of_error
from emulator.definition.step_run import StepFailedError, StepRun

_LONGEST_SECONDS = 920.0


def run_function(run: StepRun, arguments: dict[str, Any]) -> dict[str, Any]:
    """Invoke the step's function with the arguments as its event; the declared outputs become `OutputParameters`."""
    arn = run.step.raw["FunctionArn"]
    payload = _invoke(run, arn, arguments)
    outputs = {name: _output(payload, name, arn) for name in _declared(run)}
    shown = [{"Name": name, "Value": text_of(value)} for name, value in outputs.items()]
    run.show({"Lambda": {"Arn": arn, "OutputParameters": shown}})
    return {"OutputParameters": outputs}


def _invoke(run: StepRun, arn: str, event: dict[str, Any]) -> Any:
    """The function's answer, through the same door as any caller's."""
    client = run.context.part(Clients).get("lambda", _LONGEST_SECONDS)
    try:
        answer = client.invoke(FunctionName=arn, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        reason = f"ClientError: Failed to invoke lambda:Invoke. Error Details: {error.response['Error']['Message']}"
        raise StepFailedError(reason, type_of_error(code, status)) from None
    except (BotoCoreError, ValueError) as error:
        raise StepFailedError(f"ClientError: Failed to invoke lambda:Invoke. Error Details: {error}") from None
    if answer.get("FunctionError"):
        raise StepFailedError(f"ClientError: the function {arn} failed: {text_of(payload)}"[:1024])
    return payload


def _declared(run: StepRun) -> list[str]:
    return [output["OutputName"] for output in run.step.raw.get("OutputParameters") or []]


def _output(payload: Any, name: str, arn: str) -> Any:
    if not isinstance(payload, dict) or name not in payload:
        raise StepFailedError(f"ClientError: the answer of the function {arn} has no output {name!r}")
    return payload[name]
