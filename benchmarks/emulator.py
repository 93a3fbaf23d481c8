"""What the emulator itself costs: CPU of its process for no-op steps, wide pipelines, cached reruns and endpoint calls.

`python -m benchmarks.emulator`. The rival of each line is its budget. For comparison, the SDK's local mode in Docker needs 2.0 to 2.8
seconds of wall time for each no-op step on two cores.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.record import recording
from emulator import lifecycle

ROLE = "arn:aws:iam::123456789012:role/bench"
STEPS, CALLS, CALLERS = 200, 2000, 64
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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, recording("emulator") as recorder:
        bench = Bench(Path(folder))
        try:
            _pipeline(bench, "warm", 3)
            bench.execute("warm")
            _pipeline(bench, "wide", STEPS)
            cpu, wall = bench.execute("wide")
            recorder.add("noop_step_cpu", cpu / STEPS, STEP_BUDGET_SECONDS, "s CPU per processing step", "rival: the budget")
            recorder.add(
                "wide_pipeline", wall / STEPS, 2.0, "s wall per step", f"{STEPS} steps, 10 at once; rival: the SDK's local mode, one"
            )
            cpu, wall = bench.execute("wide")
            recorder.add(
                "cached_step_cpu", cpu / STEPS, STEP_BUDGET_SECONDS, "s CPU per cached step", "rival: the budget of a step that runs"
            )
            runtime, before = _endpoint(bench), bench.cpu()
            with ThreadPoolExecutor(CALLERS) as callers:
                list(callers.map(lambda _: runtime.invoke_endpoint(EndpointName="echo", Body=b"x" * 1000), range(CALLS)))
            spent = (bench.cpu() - before) / CALLS
            recorder.add("invoke_endpoint_cpu", spent, CALL_BUDGET_SECONDS, "s CPU per call", f"{CALLERS} at once; rival: the budget")
        finally:
            lifecycle.down(bench.running.home)


if __name__ == "__main__":
    main()
