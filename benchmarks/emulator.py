"""What the emulator itself costs: CPU of its process for no-op steps, wide pipelines, cached reruns and endpoint calls.

`python -m benchmarks.emulator`. The rival of each line is its budget, but for the wall time of a step: there it is the SDK's local mode in
Docker, run beside it where DOCKER_TEST_IMAGE names an image that Docker has; else the 2.0 s that it was measured at on two cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.record import recording
from emulator import lifecycle

ROLE = "arn:aws:iam::123456789012:role/bench"
STEPS, CALLS, CALLERS, ROUNDS = 200, 2000, 64, 5
LOCAL_MODE_SECONDS = 2.0
STEP_BUDGET_SECONDS, CALL_BUDGET_SECONDS = 0.3, 0.0005
SERVE = """#!/usr/bin/env python3
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.reply(b"")
    def do_POST(self):
        self.reply(self.rfile.read(int(self.headers["Content-Length"])))
    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Echo).serve_forever()
"""


class Bench:
    """A running emulator and the CPU of its process."""

    def __init__(self, folder: Path) -> None:
        (folder / "serve").write_text(SERVE)
        (folder / "serve").chmod(0o755)
        images = folder / "images.yaml"
        images.write_text(json.dumps({"images": [{"match": "*", "folder": str(folder), "path": ["."]}]}))
        self.running = lifecycle.up(folder / "home", port=0, images=images, region="eu-west-1")
        self.sagemaker = self.client("sagemaker")
        s3 = self.client("s3")
        s3.create_bucket(Bucket="bench", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket="bench", Key="in/a", Body=b"x")

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "eu-west-1"}
        return boto3.client(service, endpoint_url=self.running.url, config=Config(max_pool_connections=CALLERS), **keys)

    def cpu(self) -> float:
        """User and system seconds of the emulator's process, without its children."""
        fields = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def execute(self, name: str, parallel: int = 10) -> tuple[float, float]:
        """CPU and wall seconds of one execution."""
        cpu, wall = self.cpu(), time.perf_counter()
        limit = {"MaxParallelExecutionSteps": parallel}
        arn = self.sagemaker.start_pipeline_execution(PipelineName=name, ParallelismConfiguration=limit)["PipelineExecutionArn"]
        while (status := self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]) == "Executing":
            time.sleep(0.1)
        assert status == "Succeeded", status
        return self.cpu() - cpu, time.perf_counter() - wall


def _step(number: int) -> dict[str, Any]:
    """A step that reads one object and writes one."""
    output = {"Std:Join": {"On": "/", "Values": ["s3://bench/runs", {"Get": "Execution.PipelineExecutionId"}, str(number)]}}
    paths = {"S3DataType": "S3Prefix", "S3InputMode": "File", "LocalPath": "/opt/ml/processing/in"}
    script = "echo 1 > $SAGEMAKER_BASE_DIR/processing/out/x"
    arguments = {
        "AppSpecification": {"ImageUri": "bench", "ContainerEntrypoint": ["sh", "-c", script]},
        "RoleArn": ROLE,
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
        "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": "s3://bench/in/"} | paths}],
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": "out", "S3Output": {"S3Uri": output, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}}
            ]
        },
    }
    cache = {"Enabled": True, "ExpireAfter": "30d"}
    return {"Name": f"Step{number}", "Type": "Processing", "Arguments": arguments, "CacheConfig": cache}


def _pipeline(bench: Bench, name: str, steps: int) -> None:
    definition = json.dumps({"Version": "2020-12-01", "Steps": [_step(number) for number in range(steps)]})
    bench.sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=definition, RoleArn=ROLE)


def _endpoint(bench: Bench) -> Any:
    """A client of an endpoint that answers what it is sent."""
    variant = {"VariantName": "all", "ModelName": "echo", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    bench.sagemaker.create_model(ModelName="echo", PrimaryContainer={"Image": "bench"}, ExecutionRoleArn=ROLE)
    bench.sagemaker.create_endpoint_config(EndpointConfigName="echo", ProductionVariants=[variant])
    bench.sagemaker.create_endpoint(EndpointName="echo", EndpointConfigName="echo")
    bench.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="echo", WaiterConfig={"Delay": 1})
    return bench.client("sagemaker-runtime")


def _calls(bench: Bench, runtime: Any) -> Iterator[float]:
    """CPU seconds of the emulator for a call, round by round; the container's own are not in it."""

    def ask(_: int) -> None:
        # read to its end, as any caller does: else the connection is lost with it
        runtime.invoke_endpoint(EndpointName="echo", Body=b"x" * 1000)["Body"].read()

    with ThreadPoolExecutor(CALLERS) as callers:
        for _ in range(ROUNDS):
            before = bench.cpu()
            list(callers.map(ask, range(CALLS)))
            yield (bench.cpu() - before) / CALLS


def _local_mode() -> float:
    """Wall seconds of a step in the SDK's local mode."""
    image = os.environ.get("DOCKER_TEST_IMAGE")
    if not image:
        return LOCAL_MODE_SECONDS
    run = subprocess.run([sys.executable, "-m", "benchmarks.local_mode", image], capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])


_RIVAL = "the SDK's local mode in Docker, one at once, " + ("just run" if os.environ.get("DOCKER_TEST_IMAGE") else "as once measured")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, recording("emulator") as recorder:
        bench = Bench(Path(folder))
        try:
            _pipeline(bench, "warm", 3)
            bench.execute("warm")
            _pipeline(bench, "wide", STEPS)
            cpu, wall = bench.execute("wide")
            recorder.add("noop_step_cpu", cpu / STEPS, STEP_BUDGET_SECONDS, "s CPU per processing step", "rival: the budget")
            recorder.add("wide_pipeline", wall / STEPS, _local_mode(), "s wall per step", f"{STEPS} steps, 10 at once; rival: {_RIVAL}")
            cpu, wall = bench.execute("wide")
            recorder.add(
                "cached_step_cpu", cpu / STEPS, STEP_BUDGET_SECONDS, "s CPU per cached step", "rival: the budget of a step that runs"
            )
            spent = sorted(_calls(bench, _endpoint(bench)))
            note = f"{CALLERS} at once, median of {ROUNDS} rounds of {CALLS}, worst {spent[-1]:.6f}; rival: the budget"
            recorder.add("invoke_endpoint_cpu", spent[ROUNDS // 2], CALL_BUDGET_SECONDS, "s CPU per call", note)
        finally:
            lifecycle.down(bench.running.home)


if __name__ == "__main__":
    main()
