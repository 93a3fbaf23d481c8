"""A training job from its start to its artifacts: `IMAGE train` on every host."""

import math
import shutil
import time
from pathlib import Path
from typing import Any

from emulator.archives import pack
from emulator.jobs.channels import Source, copy_in
from emulator.jobs.cluster import Cluster
from emulator.jobs.failure import JobError, algorithm_error, client_errors
from emulator.jobs.hosts import Outcome, run_hosts
from emulator.jobs.layout import Layout
from emulator.jobs.manager import Job
from emulator.jobs.metrics import final_metrics
from emulator.jobs.secondary import end, enter
from emulator.jobs.sync import FolderSync
from emulator.logs import SHIP_SECONDS, LogStream, log_file
from emulator.processes import Command
from emulator.s3 import ObjectError, Objects, join

KIND = "training-job"
LOG_GROUP = "TrainingJobs"
_SYNC_SECONDS = 5.0


def run_training(job: Job) -> None:
    """Run the training job of `job.record()` and write its end there."""
    training = _Training(job)
    try:
        with client_errors():
            training.prepare()
            outcome = training.train()
            training.finish(outcome)
    except JobError as error:
        reason = str(error)
        job.update(
            lambda record: end(record, "Failed", reason) | training.times() | {"TrainingJobStatus": "Failed", "FailureReason": reason}
        )
    finally:
        shutil.rmtree(training.home, ignore_errors=True)


class _Training:
    """One run of one training job."""

    def __init__(self, job: Job) -> None:
        self.job, self.record = job, job.record()
        self.home = job.context.home / "jobs" / "training" / job.name
        resources = self.record["ResourceConfig"]
        self.cluster = Cluster(resources["InstanceType"], resources["InstanceCount"])
        self.layouts = {host: Layout(self.home / host) for host in self.cluster.hosts}
        self.objects = job.context.part(Objects)
        self.started: float | None = None
        self.pushed = time.monotonic()
        self.checkpoints: FolderSync | None = None
        self.streams = [LogStream(job.context, LOG_GROUP, job.name, host) for host in self.cluster.hosts]

    def prepare(self) -> None:
        """Write the configuration files and copy the channels and checkpoints in."""
        self.started = time.time()
        start = {"TrainingStartTime": self.started}
        self.job.update(lambda record: enter(record, "Downloading") | start)
        for host, layout in self.layouts.items():
            for name in ("model", "output/data", "input/data"):
                (layout.root / name).mkdir(parents=True, exist_ok=True)
            self._configure(layout, host)
            for channel in self._channels():
                folder = layout.folder(f"/opt/ml/input/data/{channel['ChannelName']}")
                copy_in(self.objects, _source(channel), folder, self.cluster, host)
        self._restore_checkpoints()

    def _configure(self, layout: Layout, host: str) -> None:
        layout.write_json("input/config/hyperparameters.json", self.record.get("HyperParameters", {}))
        layout.write_json("input/config/resourceconfig.json", self.cluster.resource_config(host))
        layout.write_json("input/config/inputdataconfig.json", {channel["ChannelName"]: _config(channel) for channel in self._channels()})

    def _channels(self) -> list[dict[str, Any]]:
        return list(self.record.get("InputDataConfig", []))

    def _restore_checkpoints(self) -> None:
        """Checkpoints are shared by all hosts in S3; here the first host's folder stands for them."""
        config = self.record.get("CheckpointConfig")
        if not config:
            return
        for host, layout in self.layouts.items():
            folder = layout.folder(config.get("LocalPath", "/opt/ml/checkpoints"))
            try:
                copy_in(self.objects, Source(join(config["S3Uri"], "")), folder, self.cluster, host)
            except ObjectError:
                continue  # nothing saved yet
        first = self.layouts[self.cluster.hosts[0]].folder(config.get("LocalPath", "/opt/ml/checkpoints"))
        self.checkpoints = FolderSync(self.objects, first, config["S3Uri"])
        self.checkpoints.remember()

    def train(self) -> Outcome:
        """Run `train` on every host; checkpoints are copied out meanwhile and once more at the end, however it ends."""
        self.job.update(lambda record: enter(record, "Training"))
        commands = {host: self._command(host) for host in self.cluster.hosts}
        limit = self.record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
        try:
            return run_hosts(self.job, commands, limit, SHIP_SECONDS, self._tick)
        finally:
            self._push()
            for stream in self.streams:
                stream.ship(everything=True)

    def _tick(self) -> None:
        for stream in self.streams:
            stream.ship()
        if time.monotonic() > self.pushed + _SYNC_SECONDS:
            self._push()

    def _push(self) -> None:
        self.pushed = time.monotonic()
        if self.checkpoints:
            self.checkpoints.push()

    def _command(self, host: str) -> Command:
        algorithm = self.record["AlgorithmSpecification"]
        image, layout = self.job.context.images.resolve(algorithm.get("TrainingImage", "")), self.layouts[host]
        words = [*algorithm.get("ContainerEntrypoint", ["train"]), *algorithm.get("ContainerArguments", [])]
        contract = {
            "SAGEMAKER_BASE_DIR": str(layout.root),
            "TRAINING_JOB_NAME": self.record["TrainingJobName"],
            "TRAINING_JOB_ARN": self.record["TrainingJobArn"],
        }
        env = image.environment() | self.job.context.environment() | self.record.get("Environment", {}) | contract
        return Command(image.command(layout.words(words)), env, image.folder, self._log(host))

    def _log(self, host: str) -> Path:
        return log_file(self.job.context, LOG_GROUP, self.job.name, host)

    def finish(self, outcome: Outcome) -> None:
        """Upload the artifacts and close the record."""
        layout = self.layouts[outcome.host]
        if outcome.status and not (outcome.stopped or outcome.timed_out):
            self._upload_output()
            raise algorithm_error(layout.message("output/failure"), outcome.status, self._log(outcome.host))
        self.job.update(lambda record: enter(record, "Uploading"))
        artifacts = self._upload_model()
        self._upload_output()
        final = "Stopped" if outcome.stopped else "MaxRuntimeExceeded" if outcome.timed_out else "Completed"
        algorithm = self.record["AlgorithmSpecification"]
        metrics = final_metrics(algorithm.get("MetricDefinitions", []), map(self._log, self.cluster.hosts))
        fields = {
            "TrainingJobStatus": "Completed" if final == "Completed" else "Stopped",
            "ModelArtifacts": {"S3ModelArtifacts": artifacts},
            "FinalMetricDataList": metrics,
        }
        self.job.update(lambda record: end(record, final) | self.times() | fields)

    def times(self) -> dict[str, Any]:
        """End time and durations, whole seconds rounded up."""
        now = time.time()
        if self.started is None:
            return {"TrainingEndTime": now}
        seconds = max(1, math.ceil(now - self.started))
        return {"TrainingEndTime": now, "TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}

    def _upload_model(self) -> str:
        config = self.record["OutputDataConfig"]
        folder = self._merged("model")
        if config.get("CompressionType") == "NONE":
            uri = join(config["S3OutputPath"], self.job.name, "output/model/")
            self.objects.upload_folder(folder, uri)
            return uri + "/"
        uri = join(config["S3OutputPath"], self.job.name, "output/model.tar.gz")
        pack(folder, self.home / "model.tar.gz")
        self.objects.upload(self.home / "model.tar.gz", uri)
        return uri

    def _upload_output(self) -> None:
        folder = self._merged("output/data")
        if any(folder.iterdir()):
            pack(folder, self.home / "output.tar.gz")
            uri = join(self.record["OutputDataConfig"]["S3OutputPath"], self.job.name, "output/output.tar.gz")
            self.objects.upload(self.home / "output.tar.gz", uri)

    def _merged(self, path: str) -> Path:
        """The folder of the first host, with what only other hosts wrote added to it."""
        first, *others = (layout.root / path for layout in self.layouts.values())
        for other in others:
            for file in (item for item in other.rglob("*") if item.is_file()):
                target = first / file.relative_to(other)
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(file, target)
        return first


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
