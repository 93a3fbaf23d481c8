"""Rivals live in environments of their own under `.venv-rivals/`: they are measured, never depended on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".venv-rivals"


class RivalMissingError(Exception):
    """A rival could not be installed here; the benchmark says so and goes on without it."""


def rival_python(name: str, *packages: str) -> Path:
    """The interpreter of the environment `name` with `packages`, made on first use.

    Errors: RivalMissingError with pip's last line.
    """
    python = FOLDER / name / "bin" / "python"
    ready = FOLDER / name / ".ready"
    wanted = "\n".join(packages)
    if ready.exists() and ready.read_text() == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", str(FOLDER / name)], check=True)
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-q", *packages]
    done = subprocess.run(install, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RivalMissingError(f"{name}: {(done.stderr.strip().splitlines() or ['pip failed'])[-1]}")
    ready.write_text(wanted)
    return python
