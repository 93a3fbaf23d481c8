"""A batch transform job: the model's container is started, every object sent through it, the answers written as `.out` objects."""

import http.client
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from emulator.containers import ServerProcess, start_model_server
from emulator.endpoints.variant import most_processes
from emulator.jobs.batches import PayloadError, Plan, assembled, plan_of, requests_of
from emulator.jobs.channels import Source, find
from emulator.jobs.failure import JobError, client_errors
from emulator.jobs.manager import Job
from emulator.logs import LogStream, log_file
from emulator.s3 import Objects, join

KIND = "transform-job"
LOG_GROUP = "TransformJobs"
_READY_SECONDS = 600.0
_STOP_SECONDS = 10.0
_SHOWN = 300


def run_transform(job: Job) -> None:
    """Run the transform job of `job.record()` and write its end there."""
    transform = _Transform(job)
    try:
        with client_errors():
            transform.run()
        transform.close("Stopped" if job.stopping.is_set() else "Completed", {})
    except JobError as error:
        if job.stopping.is_set():
            transform.close("Stopped", {})
        else:
            transform.close("Failed", {"FailureReason": str(error)})
    finally:
        shutil.rmtree(transform.home, ignore_errors=True)


class _Transform:
    """One run of one transform job."""

    def __init__(self, job: Job) -> None:
        self.job, self.record = job, job.record()
        self.home = job.context.home / "jobs" / "transform" / job.name
        self.objects = job.context.part(Objects)
        self.servers: list[ServerProcess] = []
        self.streams: list[LogStream] = []

    def run(self) -> None:
        """Start the instances, let each transform its share of the objects, stop them."""
        self.job.update({"TransformStartTime": time.time()})
        source = self.record["TransformInput"]["DataSource"]["S3DataSource"]
        inputs = sorted(find(self.objects, Source(source["S3Uri"], source["S3DataType"])).items())
        count = min(self.record["TransformResources"]["InstanceCount"], most_processes(), len(inputs))
        self.job.interrupt = self._terminate
        try:
            for number in range(count):
                self.servers.append(self._serve(f"algo-{number + 1}"))
            with ThreadPoolExecutor(count) as instances:
                shares = [instances.submit(self._share, server, inputs[number::count]) for number, server in enumerate(self.servers)]
            for share in shares:
                share.result()
        finally:
            for server in self.servers:
                server.stop(_STOP_SECONDS)
            for stream in self.streams:
                stream.ship(everything=True)

    def _terminate(self) -> None:
        for server in self.servers:
            server.process.terminate()

    def _share(self, server: ServerProcess, inputs: list[tuple[str, str]]) -> None:
        """One instance's objects, one after the other."""
        if self.job.stopping.is_set():
            return
        server.wait_ready(_READY_SECONDS)
        plan = plan_of(self.record, _execution_parameters(server.port))
        for uri, name in inputs:
            self._object(server, plan, uri, name)

    def _serve(self, host: str) -> ServerProcess:
        container = self.record["Containers"][0]
        contract = {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_BATCH_STRATEGY": self.record.get("BatchStrategy", "MultiRecord"),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self.record.get("MaxPayloadInMB", 6)),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self.record.get("MaxConcurrentTransforms", 1)),
        }
        environment = container["Environment"] | self.record.get("Environment", {}) | contract
        log = log_file(self.job.context, LOG_GROUP, self.job.name, host)
        self.streams.append(LogStream(self.job.context, LOG_GROUP, self.job.name, host))
        model = container.get("ModelDataUrl")
        return start_model_server(self.job.context, container["Image"], model, environment, self.home / host, log)

    def _object(self, server: ServerProcess, plan: Plan, uri: str, name: str) -> None:
        try:
            bodies = list(requests_of(self.objects.get(uri), self.record["TransformInput"].get("CompressionType", "None"), plan))
        except PayloadError as error:
            raise JobError(f"ClientError: {uri}: {error}") from None
        with ThreadPoolExecutor(plan.workers) as workers:
            answers = list(workers.map(lambda body: self._answer(server, uri, body), bodies))
        output = self.record["TransformOutput"]
        self.objects.put(join(output["S3OutputPath"], f"{name}.out"), assembled(answers, output.get("AssembleWith") == "Line"))

    def _answer(self, server: ServerProcess, uri: str, body: bytes) -> bytes:
        """The model's answer to one request, retried on server errors as the job's ModelClientConfig says."""
        client = self.record.get("ModelClientConfig", {})
        for attempt in range(1 + client.get("InvocationsMaxRetries", 0)):
            if self.job.stopping.is_set():
                raise JobError("ClientError: the job was stopped")
            status, answer = self._post(server, body, client.get("InvocationsTimeoutInSeconds", 600))
            if status == http.HTTPStatus.OK:
                return answer
            if status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                break
            time.sleep(0.1 * 2**attempt)
        shown = answer[:_SHOWN].decode(errors="replace")
        raise JobError(f"ClientError: {uri}: the model answered {status}: {shown}")

    def _post(self, server: ServerProcess, body: bytes, timeout_seconds: float) -> tuple[int, bytes]:
        headers = {"Content-Type": self.record["TransformInput"].get("ContentType", "application/octet-stream")}
        if "Accept" in self.record["TransformOutput"]:
            headers["Accept"] = self.record["TransformOutput"]["Accept"]
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout_seconds)) as connection:
            try:
                connection.request("POST", "/invocations", body, headers)
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                return http.HTTPStatus.BAD_GATEWAY, f"{type(error).__name__}: {error}; {server.last_line()}".encode()

    def close(self, status: str, fields: dict[str, Any]) -> None:
        """Write the job's end."""
        now = time.time()
        self.job.update({"TransformJobStatus": status, "TransformEndTime": now, "LastModifiedTime": now} | fields)


def _execution_parameters(port: int) -> dict[str, Any]:
    """What the container says of itself; nothing when it has no such path."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/execution-parameters")
        response = connection.getresponse()
        content = response.read()
    try:
        found = json.loads(content) if response.status == http.HTTPStatus.OK else {}
    except ValueError:
        raise JobError("ClientError: /execution-parameters answered 200 and not JSON") from None
    return found if isinstance(found, dict) else {}
