"""What a training says of itself, for Prometheus: the numbers that it prints as `NAME=VALUE;`, at /metrics.

SageMaker reads the same lines through metric definitions (`pipelines/definition/metrics.py`).
"""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent.faults import AgentError

_VALUE = re.compile(r"([a-z]+:[a-z0-9_]+)=([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?);")
_HELP = {
    "housing_training_value": "The newest value of what a training prints, by its name",
    "housing_training_restored_files": "Checkpoint files that a step found when it began; above 0 it goes on with earlier work",
    "housing_training_kept_files": "Checkpoint files that this pod has copied to S3, for as long as the step runs",
}


class Metrics:
    """The gauges of one pod."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def set(self, metric: str, value: float, **labels: str) -> None:
        """Set one gauge."""
        with self._lock:
            self._values[metric, tuple(sorted(labels.items()))] = value

    def drop(self, metric: str, **labels: str) -> None:
        """Take one gauge away: what it told of is over."""
        with self._lock:
            self._values.pop((metric, tuple(sorted(labels.items()))), None)

    def read(self, line: str, step: str) -> None:
        """Take the values out of a line of a step's log."""
        for name, value in _VALUE.findall(line):
            self.set("housing_training_value", float(value), step=step, name=name)

    def exposition(self) -> str:
        """The gauges in the Prometheus text format."""
        with self._lock:
            values = sorted(self._values.items())
        lines: list[str] = []
        for metric, meaning in _HELP.items():
            samples = [f"{metric}{_labels(labels)} {value!r}" for (name, labels), value in values if name == metric]
            if samples:
                lines += [f"# HELP {metric} {meaning}", f"# TYPE {metric} gauge", *samples]
        return "".join(f"{line}\n" for line in lines)

    def serve(self, port: int) -> ThreadingHTTPServer:
        """Answer at `port` until the end of the process; AgentError when the port is taken."""
        metrics = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = metrics.exposition().encode() if self.path == "/metrics" else b""
                self.send_response(200 if self.path == "/metrics" else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Scrapes are not worth a line."""

        try:
            server = ThreadingHTTPServer(("", port), Handler)
        except OSError as error:
            raise AgentError(f"HOUSING_JOB_METRICS_PORT: {port}: {error.strerror}; give a free port, or none") from error
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
