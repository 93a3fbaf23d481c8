"""One worker of a function: a process that runs the function's code through awslambdaric, one event at a time."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.context import Context
from emulator.functions.runtime_api import Event, Posted, RuntimeApi
from emulator.logs import SHIP_SECONDS, CloudWatchLogs, log_file
from emulator.processes import Command, Processes, RunningProcess

INIT_SECONDS = 10.0
LOG_TAIL_BYTES = 4096
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What an invocation came to: the handler's result, or (`failed`) an error document; and the last 4 KB that it logged."""

    payload: bytes
    failed: bool
    log: bytes


class Worker:
    """A function's process. Lives on the event loop; only starting and stopping the process happen in threads."""

    def __init__(self, context: Context, function: dict[str, Any]) -> None:
        self._context, self._function = context, function
        self.revision: str = function["RevisionId"]
        self.dead = False
        self.idle_since = 0.0
        self._api = RuntimeApi(self._asks, self._posted)
        self._process: RunningProcess | None = None
        self._ready = asyncio.Event()
        self._result: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self._started, self._init_ms = 0.0, 0.0
        identity = uuid.uuid4().hex
        self._group: str = function["LoggingConfig"].get("LogGroup", f"/aws/lambda/{function['FunctionName']}")
        self._stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{function['Version']}]{identity}"
        self._whole, self._shipped = 0, 0
        self._log = log_file(context, "lambda", function["FunctionName"], identity)

    async def start(self) -> None:
        """Start the process; its initialisation goes on, and the first `invoke` waits for it."""
        port = await self._api.start()
        self._started = time.monotonic()
        words = [sys.executable, "-u", "-s", "-m", "awslambdaric", self._function["Handler"]]
        command = Command(words, self._environment(port), Path(self._function["Folder"]), self._log)
        loop = asyncio.get_running_loop()
        process = await loop.run_in_executor(None, self._context.part(Processes).start, command)
        self._process = process
        threading.Thread(target=self._watch, args=(loop, process), name=f"worker-{process.pid}", daemon=True).start()

    def _watch(self, loop: asyncio.AbstractEventLoop, process: RunningProcess) -> None:
        status = process.wait()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._exited, status)

    async def invoke(self, event: Event) -> Outcome:
        """Run one event; a worker that timed out or ended is dead afterwards.

        The time of the first initialisation is not counted in the function's timeout, as at AWS, up to ten seconds.
        """
        begin = self._log.stat().st_size if self._log.exists() else 0
        self._write(f"START RequestId: {event.request_id} Version: {self._function['Version']}\n")
        cold = not self._ready.is_set()
        started = time.monotonic()
        try:
            if cold:
                await self._initialised()
            started = time.monotonic()
            posted = await self._run(event)
        except TimeoutError:
            seconds = self._function["Timeout"]
            posted = _error(event, "Sandbox.Timedout", f"RequestId: {event.request_id} Error: Task timed out after {seconds:.2f} seconds")
            await self.stop()
        except _EndedError as ended:
            posted = ended.posted or _error(event, "Runtime.ExitError", f"RequestId: {event.request_id} Error: {ended}")
            await self.stop()
        duration_ms = (time.monotonic() - started) * 1000
        self._report(event, duration_ms, cold)
        self.idle_since = time.monotonic()
        self._logged(self._log.stat().st_size)
        return self._outcome(posted, begin)

    def _logged(self, end: int) -> None:
        """Note that the log has whole invocations up to here; a second later they are copied to CloudWatch Logs, all at once."""
        if self._whole == self._shipped:
            asyncio.get_running_loop().call_later(SHIP_SECONDS, self._flush)
        self._whole = end

    def _flush(self) -> None:
        begin, self._shipped = self._shipped, self._whole
        asyncio.get_running_loop().run_in_executor(None, self._ship, begin, self._shipped)

    def _ship(self, begin: int, end: int) -> None:
        with self._log.open("rb") as log:
            log.seek(begin)
            lines = log.read(end - begin).decode(errors="replace").splitlines()
        names = {"logGroupName": self._group, "logStreamName": self._stream}
        logs = self._context.part(CloudWatchLogs)
        try:
            if begin == 0:
                logs.create(names)
            logs.put(names, [line for line in lines if line.strip()])
        except (ClientError, BotoCoreError) as error:
            _LOG.warning("function %s: its log did not reach CloudWatch: %s", self._function["FunctionName"], error)

    async def _initialised(self) -> None:
        ready, result = asyncio.ensure_future(self._ready.wait()), self._result
        await asyncio.wait((ready, result), timeout=max(INIT_SECONDS, self._function["Timeout"]), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if result.done():
            posted = result.result()
            raise _EndedError("the function failed to initialise", posted)
        if not self._ready.is_set():
            raise TimeoutError
        self._init_ms = (time.monotonic() - self._started) * 1000

    async def _run(self, event: Event) -> Posted:
        self._result = asyncio.get_running_loop().create_future()
        if self.dead:
            raise _EndedError("Runtime exited")
        self._ready.clear()
        self._api.deliver(event, int((time.time() + self._function["Timeout"]) * 1000))
        async with asyncio.timeout(self._function["Timeout"]):
            posted = await self._result
            if posted.kind != "exit" and posted.request_id == event.request_id:
                await self._ready_again()
        if posted.kind in ("exit", "init"):
            raise _EndedError(posted.body.decode())
        return posted

    async def _ready_again(self) -> None:
        """Wait until the worker asks for its next event, so that what it printed is in the log, and it can be given one."""
        ended = asyncio.get_running_loop().create_future()
        self._result = ended
        ready = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait((ready, ended), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()

    def _asks(self) -> None:
        self._ready.set()

    def _posted(self, posted: Posted) -> None:
        if not self._result.done():
            self._result.set_result(posted)

    def _exited(self, status: int | None) -> None:
        self.dead = True
        how = f"signal: {-status}" if status is not None and status < 0 else f"exit status {status}"
        self._posted(Posted(None, "exit", f"Runtime exited with error: {how}".encode()))

    def _outcome(self, posted: Posted, begin: int) -> Outcome:
        with self._log.open("rb") as log:
            log.seek(max(begin, self._log.stat().st_size - LOG_TAIL_BYTES))
            tail = log.read()
        if posted.kind == "response" and len(posted.body) > MAX_RESPONSE_BYTES:
            message = (
                f"Response payload size ({len(posted.body)} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            )
            return Outcome(_document("Function.ResponseSizeTooLarge", message), True, tail)
        return Outcome(posted.body, posted.kind != "response", tail)

    def _report(self, event: Event, duration_ms: float, cold: bool) -> None:
        memory = [f"Memory Size: {self._function['MemorySize']} MB", f"Max Memory Used: {self._peak_mb()} MB"]
        fields = [
            f"REPORT RequestId: {event.request_id}",
            f"Duration: {duration_ms:.2f} ms",
            f"Billed Duration: {int(duration_ms) + 1} ms",
            *memory,
        ]
        if cold and self._init_ms:
            fields.append(f"Init Duration: {self._init_ms:.2f} ms")
        self._write(f"END RequestId: {event.request_id}\n" + "\t".join(fields) + "\t\n")

    def _peak_mb(self) -> int:
        if self._process is None:
            return 0
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        except OSError:
            return 0
        peak = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: 0 kB")
        return int(peak.split()[1]) // 1024

    def _write(self, text: str) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a") as log:
            log.write(text)

    def _environment(self, port: int) -> dict[str, str]:
        function = self._function
        name = function["FunctionName"]
        return {
            **function.get("Environment", {}).get("Variables", {}),
            **self._context.environment(),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": function["Folder"],
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "_HANDLER": function["Handler"],
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function['Runtime']}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": function["Version"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": self._group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._stream,
            "AWS_LAMBDA_LOG_FORMAT": function["LoggingConfig"].get("LogFormat", "Text"),
        }

    async def stop(self) -> None:
        """End the process."""
        self.dead = True
        self._api.close()
        if self._process is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._process.kill)


class _EndedError(Exception):
    """The worker's process ended, or could not initialise (`posted` is its own account of it)."""

    def __init__(self, message: str, posted: Posted | None = None) -> None:
        super().__init__(posted.body.decode() if posted is not None and posted.kind == "exit" else message)
        self.posted = posted if posted is not None and posted.kind == "init" else None


def _error(event: Event, kind: str, message: str) -> Posted:
    return Posted(event.request_id, "error", _document(kind, message))


def _document(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
