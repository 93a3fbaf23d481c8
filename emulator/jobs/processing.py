"""A processing job from its inputs to its outputs: the entrypoint on every host."""

import shutil
import time
from pathlib import Path
from typing import Any

from emulator.jobs.channels import Source, copy_in
from emulator.jobs.cluster import Cluster
from emulator.jobs.failure import JobError, algorithm_error, client_errors
from emulator.jobs.hosts import Outcome, run_hosts
from emulator.jobs.layout import Layout
from emulator.jobs.manager import Job
from emulator.jobs.sync import FolderSync
from emulator.logs import SHIP_SECONDS, LogStream, log_file
from emulator.processes import Command
from emulator.s3 import Objects
from emulator.sandbox import Container, command_of, host_names, needs_entrypoint

KIND = "processing-job"
LOG_GROUP = "ProcessingJobs"
_SYNC_SECONDS = 5.0


def run_processing(job: Job) -> None:
    """Run the processing job of `job.record()` and write its end there."""
    processing = _Processing(job)
    try:
        with client_errors():
            processing.prepare()
            outcome = processing.process()
            processing.finish(outcome)
    except JobError as error:
        processing.close("Failed", {"FailureReason": str(error)})
    finally:
        shutil.rmtree(processing.home, ignore_errors=True)


class _Processing:
    """One run of one processing job."""

    def __init__(self, job: Job) -> None:
        self.job, self.record = job, job.record()
        self.home = job.context.home / "jobs" / "processing" / job.name
        resources = self.record["ProcessingResources"]["ClusterConfig"]
        self.cluster = Cluster.of(resources, lambda count: host_names(job.context, count))
        self.layouts = {host: Layout(self.home / host) for host in self.cluster.hosts}
        self.objects = job.context.part(Objects)
        self.continuous: list[FolderSync] = []
        self.pushed = time.monotonic()
        self.streams = [LogStream(job.context, LOG_GROUP, job.name, host) for host in self.cluster.hosts]

    def prepare(self) -> None:
        """Write the configuration files, copy the inputs in and make the output folders."""
        self.job.update({"ProcessingJobStatus": "InProgress", "ProcessingStartTime": time.time()})
        for host, layout in self.layouts.items():
            layout.write_json("config/processingjobconfig.json", self.record)
            layout.write_json("config/resourceconfig.json", self.cluster.resource_config(host))
            for item in self.record.get("ProcessingInputs", []):
                source = _s3_input(item)
                copy_in(self.objects, _source(source), layout.folder(source["LocalPath"]), self.cluster, host)
            for output in self._outputs():
                folder = layout.folder(output["LocalPath"])
                if output["S3UploadMode"] == "Continuous":
                    self.continuous.append(FolderSync(self.objects, folder, output["S3Uri"]))

    def _outputs(self) -> list[dict[str, Any]]:
        return [output["S3Output"] for output in self.record.get("ProcessingOutputConfig", {}).get("Outputs", []) if "S3Output" in output]

    def process(self) -> Outcome:
        """Run the entrypoint on every host."""
        commands = {host: self._command(host) for host in self.cluster.hosts}
        limit = self.record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
        try:
            return run_hosts(self.job, commands, limit, SHIP_SECONDS, self._tick)
        finally:
            for stream in self.streams:
                stream.ship(everything=True)

    def _tick(self) -> None:
        for stream in self.streams:
            stream.ship()
        if time.monotonic() > self.pushed + _SYNC_SECONDS:
            self._push()

    def _push(self) -> None:
        self.pushed = time.monotonic()
        for sync in self.continuous:
            sync.push()

    def _command(self, host: str) -> Command:
        application = self.record["AppSpecification"]
        entrypoint = application.get("ContainerEntrypoint", [])
        if not entrypoint and needs_entrypoint(self.job.context):
            raise JobError("ClientError: AppSpecification.ContainerEntrypoint is missing: an image without a container has no entrypoint")
        words = [*entrypoint, *application.get("ContainerArguments", [])]
        names = {"PROCESSING_JOB_NAME": self.record["ProcessingJobName"], "PROCESSING_JOB_ARN": self.record["ProcessingJobArn"]}
        env = self.record.get("Environment", {}) | names
        root, isolated = self.layouts[host].root, self.record.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
        container = Container(application["ImageUri"], words, env, root, self._log(host), self.cluster.hosts, bool(entrypoint), isolated)
        return command_of(self.job.context, container)

    def _log(self, host: str) -> Path:
        return log_file(self.job.context, LOG_GROUP, self.job.name, host)

    def finish(self, outcome: Outcome) -> None:
        """Upload the outputs and close the record."""
        layout = self.layouts[outcome.host]
        said = layout.message("output/message")
        message = {"ExitMessage": said} if said else {}
        if outcome.stopped:
            self.close("Stopped", message)
        elif outcome.timed_out:
            self.close("Stopped", message | {"FailureReason": "ClientError: the job ran longer than MaxRuntimeInSeconds"})
        elif outcome.status:
            self.job.update(message)
            host = outcome.host if len(self.layouts) > 1 else ""
            raise algorithm_error(said, outcome.status, self._log(outcome.host), host)
        else:
            self._upload()
            self.close("Completed", message)

    def _upload(self) -> None:
        self._push()
        for layout in self.layouts.values():
            for output in self._outputs():
                if output["S3UploadMode"] == "EndOfJob":
                    self.objects.upload_folder(layout.folder(output["LocalPath"]), output["S3Uri"])

    def close(self, status: str, fields: dict[str, Any]) -> None:
        """Write the job's end."""
        now = time.time()
        self.job.update({"ProcessingJobStatus": status, "ProcessingEndTime": now, "LastModifiedTime": now} | fields)


def _s3_input(item: dict[str, Any]) -> dict[str, Any]:
    source = item.get("S3Input")
    if source is None or "LocalPath" not in source:
        raise JobError(f"ClientError: input {item['InputName']!r}: only S3Input with a LocalPath is run by this emulator")
    return dict(source)


def _source(source: dict[str, Any]) -> Source:
    return Source(source["S3Uri"], source["S3DataType"], source.get("S3DataDistributionType", "FullyReplicated"))
