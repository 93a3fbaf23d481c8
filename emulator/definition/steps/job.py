"""Processing, Training, Transform and Tuning steps: create the job, wait for its end."""

from dataclasses import dataclass
from typing import Any

from emulator.definition.retry import type_of_reason
from emulator.definition.step_run import StepFailedError, StepRun, StepStoppedError
from emulator.definition.steps.invoke import invoke
from emulator.jobs.manager import Jobs
from emulator.protocol import call

_LIMITS = {"HyperParameterTuningJob": 32}


@dataclass(frozen=True)
class JobStep:
    """A step that runs one job.

    `noun` is what the API calls it, `kind` what its records are kept under, `shown` what step metadata call it where that is different.
    """

    noun: str
    kind: str
    shown: str = ""

    def run(self, run: StepRun, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run the job to its end and return its description."""
        name = {f"{self.noun}Name": run.job_name(_LIMITS.get(self.noun, 63))}
        answer = invoke(run, f"Create{self.noun}", arguments | name)
        run.show({self.shown or self.noun: {"Arn": answer[f"{self.noun}Arn"]}})
        run.when_stopped(lambda: call("sagemaker", f"Stop{self.noun}", name, run.context))
        run.context.part(Jobs).wait(self.kind, name[f"{self.noun}Name"])
        described = invoke(run, f"Describe{self.noun}", name)
        status, reason = described[f"{self.noun}Status"], described.get("FailureReason", "")
        if status == "Completed":
            return described
        if run.stopping.is_set() and status == "Stopped":
            raise StepStoppedError
        raise StepFailedError(f"ClientError: {reason or self._why(status, described)}", type_of_reason(reason))

    def _why(self, status: str, described: dict[str, Any]) -> str:
        detail = described.get("SecondaryStatus")
        return f"{self.noun} ended with status {status}" + (f" ({detail})" if detail and detail != status else "")


PROCESSING = JobStep("ProcessingJob", "processing-job")
TRAINING = JobStep("TrainingJob", "training-job")
TRANSFORM = JobStep("TransformJob", "transform-job")
TUNING = JobStep("HyperParameterTuningJob", "tuning-job", "TuningJob")
