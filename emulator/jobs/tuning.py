"""A tuning job: training jobs with different hyperparameters, so many at once, and the best of them."""

import itertools
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from emulator.errors import ApiError
from emulator.jobs.failure import JobError, client_errors
from emulator.jobs.halving import verdict_of
from emulator.jobs.manager import Job, Jobs
from emulator.jobs.metrics import printed
from emulator.jobs.search import candidates
from emulator.jobs.training import KIND as TRAINING
from emulator.jobs.training import LOG_GROUP
from emulator.logs import log_file
from emulator.protocol import call

_LOOK_SECONDS = 0.25
KIND = "tuning-job"
TRIAL = "tuning-trial"
_COPIED = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "Environment",
)


def run_tuning(job: Job) -> None:
    """Run the tuning job of `job.record()` and write its end there."""
    tuning = _Tuning(job)
    try:
        with client_errors():
            tuning.run()
        tuning.close("Stopped" if job.stopping.is_set() else "Completed", {})
    except JobError as error:
        tuning.close("Failed", {"FailureReason": str(error)})


class _Tuning:
    """One run of one tuning job."""

    def __init__(self, job: Job) -> None:
        self.job, self.record = job, job.record()
        self.config: dict[str, Any] = self.record["HyperParameterTuningJobConfig"]
        self.definition: dict[str, Any] = self.record["TrainingJobDefinition"]
        self.objective = self.config.get("HyperParameterTuningJobObjective") or self.definition["TuningObjective"]
        maximize = self.objective["Type"] == "Maximize"
        self.verdict = verdict_of(self.config, self.definition.get("StaticHyperParameters", {}), maximize)
        self.running: set[str] = set()
        self.lock = threading.Lock()
        job.interrupt = self._stop_trials

    def run(self) -> None:
        """Try the candidates.

        Raises
        ------
        JobError
            When none of them ended with a value of the objective.
        """
        ranges = self.config.get("ParameterRanges") or self.definition.get("HyperParameterRanges", {})
        limits = self.config["ResourceLimits"]
        chosen = candidates(self.config["Strategy"], ranges, self.config.get("RandomSeed", 0))
        tried = list(itertools.islice(chosen, limits.get("MaxNumberOfTrainingJobs")))
        with ThreadPoolExecutor(limits["MaxParallelTrainingJobs"]) as workers:
            trials = list(workers.map(self._try, itertools.count(1), tried))
        if not self.job.stopping.is_set() and not any("Value" in trial for trial in trials):
            raise JobError("ClientError: No objective metrics found after running all training jobs: see their logs")

    def _try(self, number: int, chosen: dict[str, str]) -> dict[str, Any]:
        """One training job from start to end; its summary."""
        name = f"{self.job.name}-{number:03d}-{secrets.token_hex(4)}"
        static = self.definition.get("StaticHyperParameters", {}) | {"_tuning_objective_metric": self.objective["MetricName"]}
        request = {key: self.definition[key] for key in _COPIED if key in self.definition}
        request |= {"TrainingJobName": name, "HyperParameters": static | chosen}
        with self.lock:
            if self.job.stopping.is_set():
                return {}
            try:
                call("sagemaker", "CreateTrainingJob", request, self.job.context)
            except ApiError as error:
                raise JobError(f"ClientError: {error.message}") from None
            self.running.add(name)
        self._note(name, chosen, {})
        self._watch(number, name)
        with self.lock:
            self.running.discard(name)
        described = call("sagemaker", "DescribeTrainingJob", {"TrainingJobName": name}, self.job.context)
        values = {item["MetricName"]: item["Value"] for item in described.get("FinalMetricDataList", [])}
        value = values.get(self.objective["MetricName"])
        return self._note(name, chosen, described | ({} if value is None else {"Value": value}))

    def _watch(self, number: int, name: str) -> None:
        """Wait for the end of a training job, and bring it about when the values that it prints promise nothing."""
        definitions = self.definition["AlgorithmSpecification"].get("MetricDefinitions", [])
        pattern = next((item["Regex"] for item in definitions if item["Name"] == self.objective["MetricName"]), None)
        log = log_file(self.job.context, LOG_GROUP, name, "algo-1")
        while not self.job.context.part(Jobs).wait(TRAINING, name, _LOOK_SECONDS):
            values = printed(pattern, log) if pattern is not None else []
            with self.lock:
                if values and not self.verdict.goes_on(number, values):
                    call("sagemaker", "StopTrainingJob", {"TrainingJobName": name}, self.job.context)
                    break
        self.job.context.part(Jobs).wait(TRAINING, name)

    def _note(self, name: str, chosen: dict[str, str], described: dict[str, Any]) -> dict[str, Any]:
        """Record what is known of a trial."""
        metric = {"MetricName": self.objective["MetricName"], "Type": self.objective["Type"]}
        shown = {key: described[key] for key in ("TrainingStartTime", "TrainingEndTime", "FailureReason", "Value") if key in described}
        trial = shown | {
            "TrainingJobName": name,
            "TrainingJobArn": self.job.context.arn(f"training-job/{name}"),
            "CreationTime": described.get("CreationTime", time.time()),
            "TrainingJobStatus": described.get("TrainingJobStatus", "InProgress"),
            "TunedHyperParameters": chosen,
            "ObjectiveStatus": "Succeeded" if "Value" in described else "Failed" if described else "Pending",
        }
        if "Value" in described:
            trial["FinalHyperParameterTuningJobObjectiveMetric"] = metric | {"Value": described["Value"]}
        if not self.job.context.closing.is_set():
            self.job.context.store.put(TRIAL, name, trial, parent=self.job.name)
        return trial

    def _stop_trials(self) -> None:
        with self.lock:
            for name in self.running:
                self.job.context.part(Jobs).stop(TRAINING, name)

    def close(self, status: str, fields: dict[str, Any]) -> None:
        """Write the job's end."""
        now = time.time()
        ended = {"HyperParameterTuningJobStatus": status, "HyperParameterTuningEndTime": now, "LastModifiedTime": now}
        self.job.update(ended | fields)
