"""Callback steps: a message with a token goes to a queue, and the step waits until the token comes back with an answer."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients
from emulator.definition.callbacks import Callbacks, Waiting
from emulator.definition.functions import text_of
from emulator.definition.step_run import StepFailedError, StepRun, StepStoppedError


def run_callback(run: StepRun, arguments: dict[str, Any]) -> dict[str, Any]:
    """Send the token and the arguments to the step's queue; the answer's outputs become `OutputParameters`."""
    callbacks, queue = run.context.part(Callbacks), run.step.raw["SqsQueueUrl"]
    waiting = callbacks.wait_for(run.execution)
    run.show({"Callback": {"CallbackToken": waiting.token, "SqsQueueUrl": queue}})
    try:
        _send(run, queue, {"token": waiting.token, "pipelineExecutionArn": run.execution, "status": "Executing", "arguments": arguments})
        run.when_stopped(waiting.answered.set)
        waiting.answered.wait()
    finally:
        callbacks.forget(waiting)
    if run.stopping.is_set():
        raise StepStoppedError
    if waiting.reason is not None:
        raise StepFailedError(f"ClientError: {waiting.reason}")
    return _outputs(run, queue, waiting)


def _send(run: StepRun, queue: str, message: dict[str, Any]) -> None:
    try:
        run.context.part(Clients).get("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(message))
    except (ClientError, BotoCoreError) as error:
        raise StepFailedError(f"ClientError: Failed to invoke sqs:SendMessage. Error Details: {error}") from None


def _outputs(run: StepRun, queue: str, waiting: Waiting) -> dict[str, Any]:
    declared = [output["OutputName"] for output in run.step.raw.get("OutputParameters") or []]
    missing = [name for name in declared if name not in waiting.outputs]
    if missing:
        raise StepFailedError(f"ClientError: the callback's answer has no outputs {missing}")
    shown = [{"Name": name, "Value": text_of(value)} for name, value in waiting.outputs.items()]
    run.show({"Callback": {"CallbackToken": waiting.token, "SqsQueueUrl": queue, "OutputParameters": shown}})
    return {"OutputParameters": waiting.outputs}
