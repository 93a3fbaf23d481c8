"""`scripts/main_job.sh`, which `make run` is, on the bundled data: with the baselines alone, so that it takes seconds."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUARD = Path(__file__).parent / "guard"


class MainJob:
    """The script with a state folder, results and a network guard of its own."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder, self.out, self.contacted = folder, folder / "out", folder / "contacted.txt"
        self.contacted.touch()
        guarded = {"PYTHONPATH": str(GUARD), "HOUSING_GUARD_FILE": str(self.contacted)}
        image = {"match": "*/housing-crisis-ml*", "folder": str(ROOT), "path": [str(Path(sys.executable).parent)]}
        image["env"] = {**guarded, "OMP_NUM_THREADS": "1", "HOUSING_IMAGE_DIGEST": "sha256:test"}
        (folder / "images.yaml").write_text(json.dumps({"images": [image]}))
        here = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOUSING_", "EMULATOR_"))}
        own = {"EMULATOR_HOME": str(folder / "emulator"), "EMULATOR_IMAGES": str(folder / "images.yaml"), "HOUSING_OUT": str(self.out)}
        self.env = {**here, **settings, **guarded, **own, "XDG_CACHE_HOME": str(folder / "cache")}

    def start(self) -> subprocess.Popen[str]:
        command = ["bash", str(ROOT / "scripts" / "main_job.sh")]
        return subprocess.Popen(command, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def run(self) -> str:
        with self.start() as running:
            said, _ = running.communicate(timeout=420)
        assert running.returncode == 0, said
        return said


def processes_of(folder: Path) -> list[str]:
    """Command lines of the processes that were told of `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory, small_settings: dict[str, str]) -> MainJob:
    """A main job whose whole process group was killed while a training step ran, as a closed terminal does."""
    job = MainJob(tmp_path_factory.mktemp("main-job"), small_settings)
    with job.start() as running:
        assert running.stdout is not None
        assert any("Train-baselines: Executing" in line for line in running.stdout)
        os.killpg(running.pid, signal.SIGKILL)
    subprocess.run([sys.executable, "-m", "cli.main", "local", "down"], env=job.env, check=True, capture_output=True)
    return job


def test_an_interrupted_main_job_starts_again_and_ends_with_results(interrupted: MainJob) -> None:
    said = interrupted.run()
    assert "Train-baselines: Succeeded" in said
    assert "Prepare: Succeeded (from the cache)" in said
    rows = list(csv.DictReader((interrupted.out / "forecasts.csv").open()))
    assert {row["region"] for row in rows} >= {"Austin", "Dallas", "Houston"}
    assert len(rows) == 46 * 12
    for row in rows:
        path = [float(row[f"0.{level}"]) for level in range(1, 10)]
        assert path == sorted(path)
    evaluation = json.loads((interrupted.out / "evaluation.json").read_text())
    assert evaluation["gate"]["passed"] == 1
    assert "http" not in (interrupted.out / "report.html").read_text().replace("http://www.w3.org/", "").split("<body", 1)[0]


def test_an_unchanged_main_job_is_served_from_the_cache(interrupted: MainJob) -> None:
    said = interrupted.run()
    for step in ("Ingest", "Prepare", "Train-baselines", "Ensemble", "Evaluate", "Forecast"):
        assert f"{step}: Succeeded (from the cache)" in said
    assert "is already in service" in said


def test_the_main_job_contacts_nothing_beyond_loopback(interrupted: MainJob) -> None:
    assert interrupted.contacted.read_text() == ""


def test_the_guard_sees_what_a_process_contacts(tmp_path: Path, small_settings: dict[str, str]) -> None:
    job = MainJob(tmp_path, small_settings)
    script = "import socket; socket.getaddrinfo('example.com', 443)"
    assert subprocess.run([sys.executable, "-c", script], env=job.env, check=False, capture_output=True).returncode != 0
    assert "example.com" in job.contacted.read_text()


def test_a_finished_main_job_leaves_no_process_behind(interrupted: MainJob) -> None:
    until = time.monotonic() + 10
    while processes_of(interrupted.folder) and time.monotonic() < until:
        time.sleep(0.2)
    assert processes_of(interrupted.folder) == []


def test_a_full_disk_ends_the_main_job_with_one_line(tmp_path: Path, small_settings: dict[str, str]) -> None:
    job = MainJob(tmp_path, small_settings)
    (tmp_path / "full").mkdir()
    script = "import shutil\nshutil.disk_usage = lambda folder: type('Usage', (), {'free': 2**28})\n"
    (tmp_path / "full" / "sitecustomize.py").write_text(script)
    job.env["PYTHONPATH"] = str(tmp_path / "full")
    with job.start() as running:
        said, _ = running.communicate(timeout=60)
    faults = [line for line in said.splitlines() if not line.startswith("emulator ")]
    assert (running.returncode, len(faults)) == (1, 1), said
    assert faults[0].startswith("disk: 0.2 GiB free at ")
