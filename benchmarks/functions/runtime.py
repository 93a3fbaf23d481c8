"""Lambda's side of the Runtime API, for one worker that sees its own zip and what the runtime provides, and nothing of this checkout."""

from __future__ import annotations

import io
import json
import queue
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

PROVIDED = (
    "boto3",
    "botocore",
    "urllib3",
    "jmespath",
    "s3transfer",
    "dateutil",
    "six",
    "awslambdaric",
    "runtime_client",
    "simplejson",
    "snapshot_restore_py",
)
START_SECONDS = 20.0
RUNTIME_FOLDER = "runtime"
TASK_FOLDER = "task"


@dataclass(frozen=True)
class Posted:
    """What the worker said: `response`, `error` (of an invocation), or `init` (it could not start)."""

    kind: str
    content: Any


@dataclass
class Worker:
    """One warm or starting worker."""

    process: subprocess.Popen[bytes]
    timeout_seconds: float
    events: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    posted: queue.Queue[Posted] = field(default_factory=queue.Queue)
    ready: queue.Queue[float] = field(default_factory=queue.Queue)

    def wait_ready(self) -> float:
        """Wait until it asks for its first event; returns when it did (monotonic seconds). RuntimeError when it cannot start."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                return self.ready.get(timeout=0.05)
            except queue.Empty:
                if not self.posted.empty():
                    raise RuntimeError(json.dumps(self.posted.get().content)) from None
                if self.process.poll() is not None and self.posted.empty():
                    raise RuntimeError(f"the worker ended with status {self.process.returncode}") from None
        raise RuntimeError("the worker did not start in time")

    def invoke(self, event: Any, raw: bytes | None = None) -> Posted:
        """Run one event; TimeoutError (and the end of the worker) when it takes longer than the function may."""
        self.events.put((str(uuid.uuid4()), json.dumps(event).encode() if raw is None else raw))
        try:
            return self.posted.get(timeout=self.timeout_seconds)
        except queue.Empty:
            self.process.kill()
            raise TimeoutError(f"Task timed out after {self.timeout_seconds:.2f} seconds") from None


def unpacked(content: bytes, folder: Path) -> Path:
    """Unpack a zip into an empty folder, and lay what the runtime provides beside it; returns `folder`."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder / TASK_FOLDER)
    (folder / RUNTIME_FOLDER).mkdir()
    for name in PROVIDED:
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None, f"{name} is not installed"
        origin = Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
        (folder / RUNTIME_FOLDER / origin.name).symlink_to(origin)
    return folder


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """What a worker's process sees: nothing of the caller's environment."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{folder / TASK_FOLDER}:{folder / RUNTIME_FOLDER}",
        "LAMBDA_TASK_ROOT": str(folder / TASK_FOLDER),
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "group",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        **settings,
    }


def interpreter() -> list[str]:
    """This Python without its site packages, and so without this checkout."""
    return [sys.executable, "-S", "-s"]


@contextmanager
def worker(folder: Path, handler: str, settings: Mapping[str, str], timeout_seconds: float = 10.0, log: Any = None) -> Iterator[Worker]:
    """Start a worker in an unpacked `folder`; it is ended with the context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the worker ended in the middle of a request
    variables = environment(folder, {**settings, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}", "_HANDLER": handler})
    command = [*interpreter(), "-m", "awslambdaric", handler]
    process = subprocess.Popen(command, cwd=folder / TASK_FOLDER, env=variables, stdout=log, stderr=log)
    started = Worker(process, timeout_seconds)
    server.RequestHandlerClass = _api(started)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield started
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


def _api(worker: Worker) -> type[BaseHTTPRequestHandler]:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            worker.ready.put(time.monotonic())
            request_id, payload = worker.events.get()
            deadline = int((time.time() + worker.timeout_seconds) * 1000)
            names = {"Aws-Request-Id": request_id, "Deadline-Ms": str(deadline), "Invoked-Function-Arn": "arn:aws:lambda:x:1:function:f"}
            self._answer(200, payload, {f"Lambda-Runtime-{name}": value for name, value in names.items()})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            kind = self.path.rpartition("/")[2]
            worker.posted.put(Posted("init" if self.path.endswith("init/error") else kind, json.loads(body or b"null")))
            self._answer(202, b"{}", {})

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Api
