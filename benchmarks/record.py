"""One measurement is one JSON line: printed, and kept under `benchmarks/results/`."""

from __future__ import annotations

import json
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Line:
    """`ratio` is ours / rival: below 1 is better for costs and losses, above 1 for capacities; the unit says which."""

    name: str
    ours: float
    rival: float
    unit: str
    note: str = ""
    ratio: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", round(self.ours / self.rival, 4) if self.rival else float("nan"))


class Recorder:
    """Prints each line at once and rewrites the results file of one benchmark when it is closed."""

    def __init__(self, benchmark: str) -> None:
        self.path = RESULTS / f"{benchmark}.jsonl"
        self._lines: list[str] = []

    def add(self, name: str, ours: float, rival: float, unit: str, note: str = "") -> None:
        line = json.dumps(asdict(Line(name, round(ours, 6), round(rival, 6), unit, note)))
        print(line, flush=True)
        self._lines.append(line)

    def close(self) -> None:
        """Keep the lines, with the kind of machine they were taken on."""
        machine = json.dumps({"machine": platform.machine(), "python": platform.python_version()})
        RESULTS.mkdir(parents=True, exist_ok=True)
        self.path.write_text("\n".join([machine, *self._lines]) + "\n")


@contextmanager
def recording(benchmark: str) -> Iterator[Recorder]:
    """A recorder that keeps its lines only when the benchmark reaches its end."""
    recorder = Recorder(benchmark)
    yield recorder
    recorder.close()


def cpu_seconds(children: bool = False) -> float:
    """User and system seconds of this process, or of its finished children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
