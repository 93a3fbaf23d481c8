"""docs/settings.md names every environment variable of ours, and nothing else, with its default."""

from __future__ import annotations

import re
from pathlib import Path

from inference.settings import Settings as ServerSettings
from pipelines.settings import Settings

ROOT = Path(__file__).parents[3]
ROOMS = ("housing", "training", "inference", "agent", "pipelines", "lambdas", "emulator", "cli", "containers", "scripts")
ROW = re.compile(r"^\| `((?:HOUSING|EMULATOR)_\w+)` \| (.+?) \|", re.MULTILINE)
NAME = re.compile(r"\b(?:HOUSING|EMULATOR)_[A-Z0-9_]*[A-Z0-9]\b")
DOCUMENTED = ROW.findall((ROOT / "docs" / "settings.md").read_text())
INTERNAL = {"EMULATOR_RUN"}
"""Set by the emulator for its own processes; not a choice."""


def test_each_variable_stands_in_one_table() -> None:
    names = [name for name, _ in DOCUMENTED]
    assert len(names) == len(set(names))


def test_the_variables_of_the_code_are_those_of_the_tables() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in {".py", ".sh"} or path.parent.name == "bin"]
    in_code = {name for path in files for name in NAME.findall(path.read_text())}
    in_code |= {f"HOUSING_{field.upper()}" for field in Settings.model_fields}
    assert in_code - INTERNAL == {name for name, _ in DOCUMENTED}


def test_the_defaults_of_the_tables_are_those_of_the_code() -> None:
    shown = {name: default.strip("`") for name, default in DOCUMENTED if default.startswith("`") and default.endswith("`")}
    plain = (str, int, float, bool)
    for field, facts in Settings.model_fields.items():
        name = f"HOUSING_{field.upper()}"
        if isinstance(facts.default, plain) and name != "HOUSING_REGION":
            assert shown[name] == (str(facts.default).lower() if isinstance(facts.default, bool) else str(facts.default)), name
    server = ServerSettings.from_environment({})
    for field in ("max_body_bytes", "max_batch_rows", "max_queue_rows", "deadline_seconds", "drain_seconds", "failure_seconds"):
        assert float(shown[f"HOUSING_{field.upper()}"]) == getattr(server, field)
