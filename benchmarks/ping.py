"""An update to a model that fails every ping is turned back by the service, and no caller sees anything of it.

`python -m benchmarks.ping`. It takes over a minute, as the shortest time that the service grants a container to answer its ping is 60 s.
The first thing that is not so ends the run.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
import threading
import time
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.record import recording
from emulator import lifecycle
from pipelines import endpoint, registry
from pipelines.errors import DeploymentError
from pipelines.settings import Settings

LIMIT_SECONDS, GAP_SECONDS = 60, 0.05
BUCKET, MODEL = "ping", "model.tar.gz"
SERVE = """#!/usr/bin/env python3
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Named(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(int(os.environ["PING_STATUS"]), b"")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, os.environ["NAME"].encode())
    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Named).serve_forever()
"""


class Callers(threading.Thread):
    """One request after the other until they are told to end; what each was answered."""

    def __init__(self, endpoint_name: str) -> None:
        super().__init__(daemon=True)
        self._runtime, self._endpoint_name = boto3.client("sagemaker-runtime"), endpoint_name
        self._ended = threading.Event()
        self.answers: list[str] = []

    def run(self) -> None:
        while not self._ended.wait(GAP_SECONDS):
            try:
                reply = self._runtime.invoke_endpoint(EndpointName=self._endpoint_name, Body=b"{}")
                self.answers.append(reply["Body"].read().decode())
            except (ClientError, BotoCoreError) as error:
                self.answers.append(str(error))

    def end(self) -> None:
        self._ended.set()
        self.join()


def start(folder: Path) -> None:
    """An emulator that runs the server above, as the AWS of this process."""
    (folder / "serve").write_text(SERVE)
    (folder / "serve").chmod(0o755)
    images = folder / "images.yaml"
    images.write_text(json.dumps({"images": [{"match": "*", "folder": str(folder), "path": ["."]}]}))
    os.environ |= {"EMULATOR_WAIT_SCALE": "0.015"}
    lifecycle.up(folder / "home", port=0, images=images, region="us-east-1")
    os.environ |= lifecycle.env(folder / "home")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=MODEL, Body=archive.getvalue())


def approved(name: str, ping_status: int, settings: Settings) -> registry.ModelPackage:
    """A package of the server that answers with `name`, and its pings with `ping_status`."""
    environment = {"NAME": name, "PING_STATUS": str(ping_status)}
    container = {"Image": "ping", "ModelDataUrl": f"s3://{BUCKET}/{MODEL}", "Environment": environment}
    types = {"SupportedContentTypes": ["application/json"], "SupportedResponseMIMETypes": ["application/json"]}
    boto3.client("sagemaker").create_model_package(
        ModelPackageGroupName=settings.model_package_group,
        InferenceSpecification={"Containers": [container], **types},
        ModelApprovalStatus="Approved",
    )
    return registry.newest(settings, "Approved")


def turned_back(settings: Settings) -> tuple[float, int]:
    """Update to a model that fails its pings, under requests; seconds until the service gave up, and how many requests were answered.

    Raises
    ------
    AssertionError
        When the update is not turned back by its pings, a caller was not answered by the old model, or something of the attempt is left.
    """
    registry.ensure_group(settings)
    (good,) = endpoint.deploy(approved("good", 200, settings), settings)
    callers = Callers(settings.endpoint_name)
    callers.start()
    begun, reason = time.monotonic(), ""
    try:
        endpoint.deploy(approved("bad", 500, settings), settings)
    except DeploymentError as error:
        reason = str(error)
    seconds = time.monotonic() - begun
    time.sleep(1)
    callers.end()
    assert "rolled back" in reason, reason or "the update went through"
    assert "ping health check" in reason, reason
    assert len(callers.answers) > seconds, "callers asked all the while"
    assert set(callers.answers) == {"good"}, set(callers.answers)
    configs = boto3.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]
    assert [config["EndpointConfigName"] for config in configs] == [good.config_name], "what the attempt made is gone"
    return seconds, len(callers.answers)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, recording("ping") as recorder:
        folder = Path(name)
        start(folder)
        try:
            settings = Settings(cpu_tier=False, startup_timeout_seconds=LIMIT_SECONDS)
            seconds, answered = turned_back(settings)
        finally:
            lifecycle.down(folder / "home")
        note = f"{answered} requests meanwhile, all answered by the model in service; nothing of the attempt is left"
        recorder.add("ping.turned_back", seconds, LIMIT_SECONDS, "seconds; rival the time that a container has to answer its ping", note)


if __name__ == "__main__":
    main()
