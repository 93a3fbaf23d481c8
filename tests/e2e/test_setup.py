"""`scripts/setup.sh`, which `make run` and `make test` start with, says in one line what a computer lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the script in a folder without an environment; tools in `bin/` hide those of the system."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    return tmp_path


def fault(clone: Path) -> str:
    """What the script says when it gives up."""
    environment = {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "scripts/setup.sh"], cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    return done.stderr


def test_another_python_is_one_line_with_the_remedy(clone: Path) -> None:
    for name in ("python3.11", "python3", "python"):
        tool(clone / "bin", name, 'test "$1" = --version && echo "Python 3.9.2"')
    assert fault(clone) == (
        "setup: Python 3.11 is needed and Python 3.9.2 was found; "
        "install it (apt-get install python3.11 python3.11-venv) or name it in HOUSING_PYTHON\n"
    )


def test_a_full_disk_is_one_line_with_the_remedy(clone: Path) -> None:
    (clone / "bin" / "python3.11").symlink_to(sys.executable)
    tool(clone / "bin", "df", "printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/x 9 9 2097152 99%% /\\n'")
    assert fault(clone) == "setup: the disk has 2 GiB free and the environment needs 5 GiB; free some space\n"


def test_a_python_without_venv_is_one_line_with_the_remedy(clone: Path) -> None:
    tool(clone / "bin", "python3.11", 'case "$*" in *venv*) exit 1;; esac')
    tool(clone / "bin", "df", "printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/x 9 9 90000000 9%% /\\n'")
    assert fault(clone) == "setup: the module venv is missing; install it (apt-get install python3.11-venv)\n"
