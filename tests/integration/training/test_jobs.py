"""The jobs as SageMaker runs them: processes under a base folder, interrupted, starved and misled."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.definition import metrics
from training.interrupt import EXIT_INTERRUPTED


def environment(base: Path) -> dict[str, str]:
    return {**os.environ, "SAGEMAKER_BASE_DIR": str(base), "OMP_NUM_THREADS": "1", "HOUSING_IMAGE_DIGEST": "sha256:test"}


def run(base: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=environment(base), capture_output=True, text=True, timeout=120, check=False)


def training_base(base: Path, prepared: Path, **hyperparameters: str) -> Path:
    shutil.copytree(prepared, base / "input" / "data" / "panel")
    (base / "input" / "config").mkdir(parents=True)
    (base / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    return base


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_ingest_and_prepare_write_what_the_next_steps_read(synthetic_source: Path, tmp_path: Path) -> None:
    shutil.copytree(synthetic_source, tmp_path / "ingest" / "processing" / "input" / "source")
    done = run(tmp_path / "ingest", "training.jobs.ingest")
    assert (done.returncode, done.stderr) == (0, "")
    shutil.copytree(tmp_path / "ingest" / "processing" / "output" / "panel", tmp_path / "prepare" / "processing" / "input" / "panel")
    done = run(tmp_path / "prepare", "training.jobs.prepare", "--horizon", "6", "--origins", "4")
    assert done.returncode == 0, done.stderr
    output = tmp_path / "prepare" / "processing" / "output"
    assert {path.name for path in (output / "prepared").iterdir()} == {
        "panel.npz",
        "panel.json",
        "source.json",
        "plan.json",
        "quality.json",
    }
    requests = [json.loads(line) for line in (output / "requests" / "requests.jsonl").read_text().splitlines()]
    assert [request["inputs"][0]["item_id"] for request in requests] == [f"Town {letter}" for letter in "ABCDEF"]
    assert len(json.loads((output / "key" / "key.json").read_text())["content_key"]) == 32


def test_the_record_has_the_numbers_of_the_gate(synthetic_road: Any) -> None:
    record = json.loads((synthetic_road.evaluation / "evaluation.json").read_text())
    assert 0 < record["gate"]["loss_ratio"] < 2
    assert 0 <= record["gate"]["coverage80"] <= 1
    assert record["candidate"] == "ensemble"
    assert "Six made-up towns" in (synthetic_road.evaluation / "report.html").read_text()
    header = gzip.decompress((synthetic_road.evaluation / "backtest.csv.gz").read_bytes()).splitlines()[0]
    assert header == b"member,region,origin,date,horizon,quantile,value"


def test_training_prints_its_metrics_and_is_deterministic(synthetic_road: Any, tmp_path: Path) -> None:
    base = training_base(tmp_path / "train", synthetic_road.prepared, members="naive,drift,momentum", seed="1")
    done = run(base, "training.train")
    assert done.returncode == 0, done.stderr
    for name in ("validation:scaled_quantile_loss=", "validation:coverage80=", "train:seconds="):
        assert name in done.stdout
    ours, reference = files_of(base / "model"), files_of(synthetic_road.trained)
    assert ours.keys() == reference.keys()
    assert ours == reference


def test_the_definitions_regexes_read_the_log_of_a_real_training(synthetic_road: Any, tmp_path: Path) -> None:
    own = {"members": "xgboost", "seed": "1", "rounds": "4", "segment": "2", "rows": "300"}
    done = run(training_base(tmp_path / "train", synthetic_road.prepared, **own), "training.train")
    assert done.returncode == 0, done.stderr
    read = {name: [float(value) for value in re.findall(metrics.regex(name), done.stdout)] for name in metrics.NAMES}
    assert len(read["train:loss"]) >= 10  # one at the middle of each fit
    assert len(read["validation:scaled_quantile_loss"]) == len(read["validation:coverage80"]) == 5  # four scored origins, and the end
    assert len(read["train:epoch_seconds"]) >= 30
    assert len(read["train:seconds"]) == len(read["checkpoint:cpu_share"]) == 1
    assert 0 < read["checkpoint:cpu_share"][0] < 0.2
    assert read["gpu:utilization"] == [] or 0 <= read["gpu:utilization"][0] <= 100


def test_a_killed_training_goes_on_where_it_was_and_ends_with_the_same_bytes(synthetic_road: Any, tmp_path: Path) -> None:
    base = training_base(tmp_path / "train", synthetic_road.prepared, members="naive,drift,momentum", seed="1")
    command = [sys.executable, "-u", "-m", "training.train"]
    with subprocess.Popen(command, env=environment(base), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        while "8/" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode in {EXIT_INTERRUPTED, 0}
    assert list((base / "checkpoints").iterdir())
    shutil.rmtree(base / "model", ignore_errors=True)
    done = run(base, "training.train")
    assert done.returncode == 0, done.stderr
    assert "resumed: " in done.stdout
    assert files_of(base / "model") == files_of(synthetic_road.trained)


def test_a_training_on_other_data_never_resumes_the_old_checkpoint(synthetic_road: Any, tmp_path: Path) -> None:
    base = training_base(tmp_path / "train", synthetic_road.prepared, members="naive", seed="1")
    assert run(base, "training.train").returncode == 0
    source = base / "input" / "data" / "panel" / "source.json"
    source.write_text(source.read_text().replace("Six made-up towns", "Six other towns"))
    assert "resumed" not in run(base, "training.train").stdout


def test_a_termination_ends_even_a_job_that_does_not_listen(tmp_path: Path) -> None:
    code = (
        "import os, signal, threading\n"
        "from training.interrupt import raise_on_termination\n"
        "with raise_on_termination(grace_seconds=0.2):\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        signal.pause()\n"
        "    except BaseException:\n"
        "        threading.Event().wait(60)\n"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), timeout=60, check=False)
    assert done.returncode == EXIT_INTERRUPTED
    assert time.monotonic() - started < 50


def failure(base: Path) -> str:
    path = base / "output" / ("failure" if (base / "output" / "failure").exists() else "message")
    text = path.read_text()
    assert "\n" not in text
    return text


def test_a_table_without_rows_is_one_clear_error(synthetic_source: Path, tmp_path: Path) -> None:
    (synthetic_source / "panel.csv.gz").write_bytes(gzip.compress(b"region,date,price,sales,cpi\n"))
    shutil.copytree(synthetic_source, tmp_path / "base" / "processing" / "input" / "source")
    assert run(tmp_path / "base", "training.jobs.ingest").returncode == 1
    assert failure(tmp_path / "base")


def test_a_malformed_price_is_one_clear_error(synthetic_source: Path, tmp_path: Path) -> None:
    (synthetic_source / "panel.csv.gz").write_bytes(gzip.compress(b"region,date,price,sales,cpi\nA,2010-01-01,many,1,1\n"))
    shutil.copytree(synthetic_source, tmp_path / "base" / "processing" / "input" / "source")
    done = run(tmp_path / "base", "training.jobs.ingest")
    assert done.returncode == 1
    assert "price" in failure(tmp_path / "base")
    assert "Traceback" not in done.stderr + done.stdout


def test_a_short_history_is_one_clear_error(tmp_path: Path, synthetic_road: Any) -> None:
    from housing.panel import Panel

    panel = Panel.load(synthetic_road.prepared)
    folder = tmp_path / "base" / "processing" / "input" / "panel"
    panel.until(30).save(folder)
    shutil.copyfile(synthetic_road.prepared / "source.json", folder / "source.json")
    assert run(tmp_path / "base", "training.jobs.prepare", "--horizon", "6").returncode == 1
    assert "give a longer history" in failure(tmp_path / "base")


@pytest.mark.parametrize("job", ["ingest", "prepare", "ensemble", "evaluate", "train"])
def test_a_job_without_its_input_says_which(tmp_path: Path, job: str) -> None:
    done = run(tmp_path, f"training.jobs.{job}")
    assert done.returncode == 1
    assert "check the S3 address" in failure(tmp_path)
    assert "Traceback" not in done.stderr


def test_an_unknown_member_is_one_clear_error(synthetic_road: Any, tmp_path: Path) -> None:
    base = training_base(tmp_path / "train", synthetic_road.prepared, members="oracle")
    assert run(base, "training.train").returncode == 1
    assert "oracle" in failure(base)


def test_a_members_archive_with_a_link_is_refused(synthetic_road: Any, tmp_path: Path) -> None:
    inputs = tmp_path / "processing" / "input"
    shutil.copytree(synthetic_road.prepared, inputs / "panel")
    (inputs / "train-all").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    subprocess.run(["tar", "-C", str(tmp_path), "-czf", str(inputs / "train-all" / "model.tar.gz"), "link"], check=True)
    assert run(tmp_path, "training.jobs.ensemble").returncode == 1
    assert "a link or a device" in failure(tmp_path)
