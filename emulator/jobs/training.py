"""A training job from its start to its artifacts: `IMAGE train` on every host, again after each loss of a Spot instance."""

import math
import shutil
import time
from pathlib import Path
from typing import Any

from emulator.jobs.artifacts import Artifacts
from emulator.jobs.capacity import Capacity
from emulator.jobs.channels import Source, copy_in
from emulator.jobs.checkpoints import Checkpoints
from emulator.jobs.cluster import Cluster
from emulator.jobs.failure import JobError, algorithm_error, client_errors
from emulator.jobs.hosts import Outcome, run_hosts
from emulator.jobs.layout import Layout
from emulator.jobs.manager import Job
from emulator.jobs.metrics import final_metrics
from emulator.jobs.secondary import end, enter
from emulator.logs import SHIP_SECONDS, LogStream, log_file
from emulator.processes import Command
from emulator.s3 import Objects
from emulator.sandbox import Container, command_of, host_names

KIND = "training-job"
LOG_GROUP = "TrainingJobs"


def run_training(job: Job) -> None:
    """Run the training job of `job.record()` and write its end there."""
    training = _Training(job)
    try:
        with client_errors():
            training.run()
    except JobError as error:
        training.close("Failed", {"FailureReason": str(error)}, str(error))
    finally:
        shutil.rmtree(training.home, ignore_errors=True)


class _Training:
    """One training job."""

    def __init__(self, job: Job) -> None:
        self.job, self.record = job, job.record()
        self.home = job.context.home / "jobs" / "training" / job.name
        self.cluster = Cluster.of(self.record["ResourceConfig"], lambda count: host_names(job.context, count))
        self.layouts = {host: Layout(self.home / host) for host in self.cluster.hosts}
        self.objects = job.context.part(Objects)
        self.streams = [LogStream(job.context, LOG_GROUP, job.name, host) for host in self.cluster.hosts]
        self.capacity = Capacity(job, self.record)
        self.run_seconds = 0.0

    def run(self) -> None:
        """Attempt after attempt, until one ends by itself or no more may begin."""
        while self.capacity.allocate():
            began = time.time()
            try:
                outcome = self._attempt(began)
            finally:
                self.run_seconds += time.time() - began
            if not outcome.reclaimed or outcome.stopped or outcome.timed_out:
                self._finish(outcome)
                return
            self.job.update(lambda record: enter(record, "Interrupted"))
            shutil.rmtree(self.home, ignore_errors=True)
            if not self.capacity.wait():
                break
            self.job.update(lambda record: enter(record, "Starting"))
        self.close("Stopped" if self.job.stopping.is_set() else "MaxWaitTimeExceeded", {})

    def _attempt(self, began: float) -> Outcome:
        """Copy everything in, run the containers to their end, copy checkpoints and logs out."""
        self.job.update(lambda record: enter(record, "Downloading") | {"TrainingStartTime": record.get("TrainingStartTime", began)})
        for host, layout in self.layouts.items():
            self._prepare(layout, host)
        checkpoints = Checkpoints(self.objects, list(self.layouts.values()), self.record.get("CheckpointConfig"))
        checkpoints.restore()
        commands = {host: self._command(host) for host in self.cluster.hosts}
        self.job.update(lambda record: enter(record, "Training"))
        limit = self.record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400) - self.run_seconds
        try:
            with self.capacity.lent():
                return run_hosts(self.job, commands, limit, SHIP_SECONDS, lambda: self._tick(checkpoints))
        finally:
            checkpoints.push()
            self._ship(everything=True)

    def _tick(self, checkpoints: Checkpoints) -> None:
        self._ship()
        checkpoints.push_if_due()

    def _ship(self, everything: bool = False) -> None:
        for stream in self.streams:
            stream.ship(everything)

    def _prepare(self, layout: Layout, host: str) -> None:
        """Write the configuration files and copy the channels in."""
        for name in ("model", "output/data", "input/data"):
            (layout.root / name).mkdir(parents=True, exist_ok=True)
        channels = self.record.get("InputDataConfig", [])
        layout.write_json("input/config/hyperparameters.json", self.record.get("HyperParameters", {}))
        layout.write_json("input/config/resourceconfig.json", self.cluster.resource_config(host))
        layout.write_json("input/config/inputdataconfig.json", {channel["ChannelName"]: _config(channel) for channel in channels})
        for channel in channels:
            cluster = self.cluster.among(channel["DataSource"].get("S3DataSource", {}).get("InstanceGroupNames", []))
            if host in cluster.hosts:
                folder = layout.folder(f"/opt/ml/input/data/{channel['ChannelName']}")
                copy_in(self.objects, _source(channel), folder, cluster, host)

    def _command(self, host: str) -> Command:
        algorithm = self.record["AlgorithmSpecification"]
        entrypoint = algorithm.get("ContainerEntrypoint", [])
        words = [*(entrypoint or ["train"]), *algorithm.get("ContainerArguments", [])]
        names = {"TRAINING_JOB_NAME": self.record["TrainingJobName"], "TRAINING_JOB_ARN": self.record["TrainingJobArn"]}
        env = self.record.get("Environment", {}) | names
        image, root = algorithm.get("TrainingImage", ""), self.layouts[host].root
        isolated = self.record.get("EnableNetworkIsolation", False)
        container = Container(image, words, env, root, self._log(host), self.cluster.hosts, bool(entrypoint), isolated)
        return command_of(self.job.context, container)

    def _log(self, host: str) -> Path:
        return log_file(self.job.context, LOG_GROUP, self.job.name, host)

    def _finish(self, outcome: Outcome) -> None:
        """Upload the artifacts and close the record."""
        artifacts = Artifacts(self.objects, list(self.layouts.values()), self.job.name, self.record["OutputDataConfig"])
        if outcome.status and not outcome.cut_short:
            artifacts.upload_output()
            host = outcome.host if len(self.layouts) > 1 else ""
            raise algorithm_error(self.layouts[outcome.host].message("output/failure"), outcome.status, self._log(outcome.host), host)
        self.job.update(lambda record: enter(record, "Uploading"))
        artifacts.upload_model()
        artifacts.upload_output()
        definitions = self.record["AlgorithmSpecification"].get("MetricDefinitions", [])
        metrics = final_metrics(definitions, map(self._log, self.cluster.hosts))
        final = "Stopped" if outcome.stopped else "MaxRuntimeExceeded" if outcome.timed_out else "Completed"
        self.close(final, {"FinalMetricDataList": metrics})

    def close(self, final: str, fields: dict[str, Any], message: str = "") -> None:
        """Write the job's end: its last secondary status, and durations in whole seconds, rounded up.

        Every second on an instance is billed, on Spot too: prices are not imitated.
        """
        status = final if final in ("Completed", "Failed") else "Stopped"
        times: dict[str, Any] = {"TrainingEndTime": time.time()}
        if self.run_seconds:
            seconds = max(1, math.ceil(self.run_seconds))
            times |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        self.job.update(lambda record: end(record, final, message) | times | fields | {"TrainingJobStatus": status})


def _source(channel: dict[str, Any]) -> Source:
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise JobError(f"ClientError: channel {channel['ChannelName']!r}: only S3DataSource is run by this emulator")
    return Source(source["S3Uri"], source["S3DataType"], source.get("S3DataDistributionType", "FullyReplicated"))


def _config(channel: dict[str, Any]) -> dict[str, Any]:
    source = channel["DataSource"].get("S3DataSource", {})
    config = {
        "TrainingInputMode": channel.get("InputMode", "File"),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return config | ({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})
