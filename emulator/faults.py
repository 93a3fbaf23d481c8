"""Failures on purpose, the same ones each time: Spot interruptions, missing capacity, throttled and failing operations.

The file that EMULATOR_FAULTS names, read again when it changes (`home/faults.yaml` when the variable is not set):

```yaml
seed: 7
spot: [{job: "*", after_seconds: 5, times: 1}]                 # each matching Spot training job, so often, so long after its start
capacity: [{instance_type: ml.g5.*, times: 2}]                 # so many starts on that type find no instance
operations: [{operation: "sagemaker:Create*Job", code: ThrottlingException, status: 400, probability: 0.1}]
```

`times` is a limit, `probability` (of each occasion, drawn from the seed) a rate; both may be left out. EMULATOR_SPOT=5x2 is short for
a rule that interrupts each Spot training job twice, 5 seconds after it started or went on.
"""

import os
import random
import threading
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from emulator.errors import ApiError, EmulatorError

if TYPE_CHECKING:
    from emulator.context import Context

_FIELDS = {
    "spot": {"job", "after_seconds", "times", "probability"},
    "capacity": {"instance_type", "times", "probability"},
    "operations": {"operation", "code", "status", "message", "times", "probability"},
}


class FaultsError(EmulatorError):
    """The faults file, or EMULATOR_SPOT, is malformed."""


@dataclass(frozen=True)
class Plan:
    """The rules of a faults file."""

    seed: int
    rules: dict[str, list[dict[str, Any]]]


def read_plan(text: str, source: str) -> Plan:
    """Parse a faults file.

    Raises
    ------
    FaultsError
        When it is not in the format above.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FaultsError(f"faults: cannot read {source}: {error}") from error
    content = {} if content is None else content
    if not isinstance(content, dict) or set(content) - {"seed", *_FIELDS}:
        raise FaultsError(f"faults: {source} may have seed, spot, capacity and operations")
    rules = {kind: content.get(kind) or [] for kind in _FIELDS}
    for kind, items in rules.items():
        for item in items:
            if not isinstance(item, dict) or set(item) - _FIELDS[kind]:
                raise FaultsError(f"faults: {source}: a rule of {kind} has {', '.join(sorted(_FIELDS[kind]))}, got {item!r}")
    return Plan(int(content.get("seed", 0)), rules)


def spot_rule(text: str) -> dict[str, Any]:
    """`SECONDS` or `SECONDSxTIMES` as a rule.

    Raises
    ------
    FaultsError
        When it is neither.
    """
    seconds, _, times = text.partition("x")
    try:
        return {"job": "*", "after_seconds": float(seconds), "times": int(times or 1)}
    except ValueError:
        raise FaultsError(f"EMULATOR_SPOT must be SECONDS or SECONDSxTIMES, such as 5x2, not {text!r}") from None


class Faults:
    """The faults of one emulator; `context.part(Faults)` is the one to use."""

    def __init__(self, context: "Context") -> None:
        self._path = Path(os.environ.get("EMULATOR_FAULTS") or context.home / "faults.yaml")
        self._file = str(self._path)
        self._shorthand = [spot_rule(os.environ["EMULATOR_SPOT"])] if os.environ.get("EMULATOR_SPOT") else []
        self._plan, self._stamp = Plan(0, {kind: [] for kind in _FIELDS}), 0
        self._done: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def check_operation(self, service: str, name: str) -> None:
        """Refuse an operation when a rule says so.

        Raises
        ------
        ApiError
            The rule's code, message and status.
        """
        rule = self._due("operations", "operation", f"{service}:{name}", "")
        if rule is not None:
            code = rule.get("code", "ThrottlingException")
            raise ApiError(code, rule.get("message", "Rate exceeded"), int(rule.get("status", 400)))

    def lacks_capacity(self, instance_type: str) -> bool:
        """Whether a start on this type finds no instance."""
        return self._due("capacity", "instance_type", instance_type, "") is not None

    def spot_interruption(self, job: str) -> float | None:
        """After how many seconds the Spot instance of a job that starts or goes on is taken away; None: it is left alone."""
        rule = self._due("spot", "job", job, job)
        return None if rule is None else float(rule.get("after_seconds", 0))

    def _due(self, kind: str, field: str, value: str, each: str) -> dict[str, Any] | None:
        """The first rule that strikes now; its `times` are counted for each `each`."""
        with self._lock:
            self._reread()
            rules = self._plan.rules[kind] + (self._shorthand if kind == "spot" else [])
            for number, rule in enumerate(rules):
                name = f"{kind}{number}:{each}"
                left = self._done[name] < rule.get("times", float("inf"))
                if left and fnmatchcase(value, rule.get(field, "*")) and self._drawn(rule, name):
                    self._done[name] += 1
                    return rule
        return None

    def _drawn(self, rule: dict[str, Any], name: str) -> bool:
        self._asked[name] += 1
        chance = random.Random(f"{self._plan.seed}:{name}:{self._asked[name]}").random()  # noqa: S311 reproducible, not secret
        return chance < float(rule.get("probability", 1))

    def _reread(self) -> None:
        try:
            stamp = os.stat(self._file).st_mtime_ns  # noqa: PTH116 - at every invocation: a Path would cost as much again
        except FileNotFoundError:
            stamp = 0
        if stamp != self._stamp:
            self._stamp = stamp
            self._plan = read_plan(self._path.read_text() if stamp else "", str(self._path))
            self._done.clear()
            self._asked.clear()
