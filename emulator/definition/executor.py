"""One execution: every step as soon as what it waits for has succeeded, so many at once, to the end of all."""

import logging
import queue
import threading
from typing import TYPE_CHECKING, Any

from emulator.definition.attempts import run_step
from emulator.definition.document import Definition, Step
from emulator.definition.graph import dependencies
from emulator.definition.records import begin_step, end_execution, end_step
from emulator.definition.scope import ExecutionScope
from emulator.definition.step_run import StepFailedError, StepRun, StepStoppedError

if TYPE_CHECKING:
    from emulator.context import Context

FAILED_REASON = "Step failure: One or multiple steps failed."
_log = logging.getLogger(__name__)


class Execution:
    """One running execution, in a thread of its own with one more for each running step."""

    def __init__(self, context: "Context", definition: Definition, record: dict[str, Any]) -> None:
        self._context, self._definition = context, definition
        self.arn: str = record["PipelineExecutionArn"]
        self._limit: int = record["ParallelismConfiguration"]["MaxParallelExecutionSteps"]
        self._scope = ExecutionScope(context, definition, record)
        self._waits = dependencies(definition)
        self._status: dict[str, str] = dict.fromkeys(definition.steps, "Pending")
        self._outcomes: dict[str, bool] = {}
        self._running: dict[str, StepRun] = {}
        self._ended: queue.Queue[str] = queue.Queue()
        self._halted = threading.Event()
        self._stopped = threading.Event()
        self.done = threading.Event()

    def preset(self, step: str, properties: dict[str, Any]) -> None:
        """Take a step as succeeded already, with these properties; call before `start`."""
        self._status[step] = "Succeeded"
        self._note(step, properties)

    def leave_out(self, step: str) -> None:
        """Do not run a step; call before `start`."""
        self._status[step] = "Skipped"

    def free(self, step: str, of: str) -> None:
        """Let a step run without waiting for another; call before `start`."""
        self._waits[step].discard(of)

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name=f"execution-{self.arn.rpartition('/')[2]}", daemon=True).start()

    def stop(self) -> None:
        """Stop the running steps and start no more."""
        self._stopped.set()
        self._halt()
        self._ended.put("")

    def _halt(self) -> None:
        self._halted.set()
        for run in list(self._running.values()):
            run.stop()

    def _run(self) -> None:
        try:
            while self._advance():
                self._running.pop(self._ended.get(), None)
            self._close()
        except Exception:
            _log.exception("%s", self.arn)
            end_execution(self._context, self.arn, "Failed", {"FailureReason": "InternalServerError: the emulator failed: see its log"})
            raise
        finally:
            self.done.set()

    def _advance(self) -> bool:
        """Skip and start what can be; False when nothing runs any more."""
        while not self._halted.is_set() and self._skip_unreachable():
            pass
        for step in self._definition.steps.values():
            if self._halted.is_set() or len(self._running) >= self._limit:
                break
            if self._status[step.name] == "Pending" and all(self._status[name] == "Succeeded" for name in self._waits[step.name]):
                self._begin(step)
        return bool(self._running)

    def _skip_unreachable(self) -> bool:
        """Skip the steps of branches not taken, and those that wait for them; whether there were any."""
        skipped = [
            step.name for step in self._definition.steps.values() if self._status[step.name] == "Pending" and self._unreachable(step)
        ]
        self._status.update(dict.fromkeys(skipped, "Skipped"))
        return bool(skipped)

    def _unreachable(self, step: Step) -> bool:
        waits = self._waits[step.name]
        other_branch = step.parent in waits and self._outcomes.get(step.parent, step.branch) != step.branch
        return other_branch or any(self._status[name] == "Skipped" for name in waits)

    def _begin(self, step: Step) -> None:
        run = StepRun(self._context, self.arn, step, self._scope)
        self._running[step.name], self._status[step.name] = run, "Executing"
        begin_step(self._context, self.arn, step.raw, {})
        if self._halted.is_set():
            run.stop()
        threading.Thread(target=self._run_step, args=(run,), name=f"step-{step.name}", daemon=True).start()

    def _run_step(self, run: StepRun) -> None:
        try:
            properties = run_step(run)
            self._note(run.step.name, properties)
            self._end(run.step.name, "Succeeded", {"Properties": properties})
        except StepStoppedError:
            self._end(run.step.name, "Stopped", {})
        except StepFailedError as error:
            self._fail(run.step.name, error.reason[:1024])
        except Exception:
            _log.exception("step %s of %s", run.step.name, self.arn)
            self._fail(run.step.name, "InternalServerError: the emulator failed: see its log")
            raise
        finally:
            self._ended.put(run.step.name)

    def _fail(self, name: str, reason: str) -> None:
        self._end(name, "Failed", {"FailureReason": reason})
        self._halt()

    def _end(self, name: str, status: str, fields: dict[str, Any]) -> None:
        end_step(self._context, self.arn, name, status, fields)
        self._status[name] = status

    def _note(self, name: str, properties: dict[str, Any]) -> None:
        self._scope.finish(name, properties)
        if self._definition.steps[name].kind == "Condition":
            self._outcomes[name] = properties["Outcome"] == "True"

    def _close(self) -> None:
        if "Failed" in self._status.values() and not self._stopped.is_set():
            end_execution(self._context, self.arn, "Failed", {"FailureReason": FAILED_REASON})
        elif self._stopped.is_set():
            end_execution(self._context, self.arn, "Stopped", {})
        else:
            end_execution(self._context, self.arn, "Succeeded", {})
