"""What README.md tells a reader to type works as it stands, one block after the other, in one shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = re.findall(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
BY_MAKE = [block for block in BLOCKS if block.startswith("make ")]
SHORTER = (("--panel texas --horizon", "--members naive,drift --panel texas --horizon"),)
"""The one change: a backtest of every member takes minutes."""


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory, small_settings: dict[str, str], small_images: dict[str, object]
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder in which all blocks ran, and what they said."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "images.yaml").write_text(json.dumps(small_images))
    script = "".join(block for block in BLOCKS if block not in BY_MAKE)
    for command, shorter in SHORTER:
        assert command in script
        script = script.replace(command, shorter)
    here = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOUSING_", "EMULATOR_"))}
    own = {"EMULATOR_IMAGES": str(folder / "images.yaml"), "XDG_CACHE_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    environment = {**here, **small_settings, **own, "HOUSING_ABLATION": "false", "PATH": f"{Path(sys.executable).parent}:{here['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", script]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=400)
    finally:
        subprocess.run(["housing", "local", "down"], cwd=folder, env=environment, capture_output=True, check=False)
    return folder, done


def test_the_commands_of_the_readme_work_one_after_the_other(told: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = told
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Austin: price from August 2015" in done.stdout
    assert "pipeline.json: no faults" in done.stdout


def test_they_leave_the_files_that_the_readme_names(told: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = told
    for name in ("out/report.html", "out/forecasts.csv", "out/evaluation.json", "backtest.csv", "drawdown.csv", "pipeline.json"):
        assert (folder / name).stat().st_size > 0, name


def test_every_make_target_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text()))
    assert {"run", "test", "lint", "bench", "lock"} <= named
    assert named <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text())
    lost = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert lost == []
