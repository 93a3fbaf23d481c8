"""A training pod: the same work as the pipeline, from and to S3, through interruptions."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MEMBERS, Road

from .conftest import BUCKET, Bucket, Pod, wait_for

BARS = ("--max-loss-ratio", "1e9", "--min-coverage80", "0.0001", "--max-coverage80", "1e9", "--max-calibration-error", "1e9")
SLOW = {"members": "neural", "seed": "1", "steps": "60", "rows": "400", "networks": "1", "hidden": "8", "batch": "64"}


def files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {item.name.removeprefix("./"): tar.extractfile(item).read() for item in tar if item.isfile()}  # type: ignore[union-attr]


def prepared(bucket: Bucket, road: Road, name: str) -> str:
    uri = bucket.put_folder(road.prepared, f"{name}/prepared")
    bucket.put_folder(road.prepared.parent / "key", f"{name}/key")
    return uri.removesuffix("/prepared")


def test_a_pod_makes_of_a_source_the_artifact_that_the_pipeline_makes(
    bucket: Bucket, pod: Callable[..., Pod], job: Callable[..., dict[str, str]], synthetic_road: Road
) -> None:
    source = bucket.put_folder(synthetic_road.source, "source")
    steps = {"all": {"members": ",".join(MEMBERS), "seed": "1"}}
    plan = json.dumps(["--horizon", "6", "--origins", "4"])
    done = pod(**job("whole", steps, HOUSING_JOB_SOURCE_URI=source, HOUSING_JOB_PLAN=plan, HOUSING_JOB_GATE=json.dumps(BARS)))
    assert done.end() == 0, done.log
    assert files(bucket.get("trained/whole/ensemble/model/model.tar.gz")) == files(synthetic_road.archive.read_bytes())
    assert json.loads(bucket.get("trained/whole/evaluate/evaluation/evaluation.json"))["gate"]["passed"] == 1


def test_a_model_that_misses_a_bar_is_judged_and_not_handed_out(
    bucket: Bucket, pod: Callable[..., Pod], job: Callable[..., dict[str, str]], synthetic_road: Road
) -> None:
    source = bucket.put_folder(synthetic_road.source, "source")
    bars = json.dumps(["--max-loss-ratio", "0.01", *BARS[2:]])
    plan = json.dumps(["--horizon", "6", "--origins", "4"])
    steps = {"all": {"members": ",".join(MEMBERS), "seed": "1"}}
    done = pod(**job("missed", steps, HOUSING_JOB_SOURCE_URI=source, HOUSING_JOB_PLAN=plan, HOUSING_JOB_GATE=bars))
    assert done.end() == 1
    assert "quality gate" in done.log
    assert bucket.keys("trained/missed/evaluate/evaluation/evaluation.json")
    assert not bucket.keys("trained/missed/ensemble/model")


def test_an_interrupted_pod_keeps_its_work_and_the_next_goes_on_to_the_same_model(
    bucket: Bucket, pod: Callable[..., Pod], job: Callable[..., dict[str, str]], synthetic_road: Road
) -> None:
    uri = prepared(bucket, synthetic_road, "interrupted")
    environment = job("interrupted", {"neural": SLOW}, HOUSING_JOB_PREPARED_URI=uri, HOUSING_CHECKPOINT_SECONDS="0.1")
    first = pod(**environment)
    wait_for(lambda: "origins up to" in first.log or first.process.poll() is not None, "no origin was finished")
    assert first.told_to_end() == 143, first.log
    key = json.loads((synthetic_road.prepared.parent / "key" / "key.json").read_text())["content_key"]
    assert bucket.keys(f"checkpoints/{key}/neural-interrupted/")
    assert not bucket.keys("trained/interrupted/")
    second = pod(**environment)
    assert second.end() == 0, second.log
    assert "resumed" in second.log
    whole = pod(**job("undisturbed", {"neural": SLOW}, HOUSING_JOB_PREPARED_URI=uri))
    assert whole.end() == 0, whole.log
    archives = [bucket.get(f"trained/{name}/neural/output/model.tar.gz") for name in ("interrupted", "undisturbed")]
    assert files(archives[0]) == files(archives[1])


def test_hosts_that_start_again_after_the_training_was_written_end_without_the_others(
    bucket: Bucket, pod: Callable[..., Pod], job: Callable[..., dict[str, str]], synthetic_road: Road
) -> None:
    environment = job("written", {"all": {"members": "naive"}}, HOUSING_JOB_PREPARED_URI=prepared(bucket, synthetic_road, "written"))
    whole = pod(**environment)
    assert whole.end() == 0, whole.log
    model = bucket.get("trained/written/all/output/model.tar.gz")
    for index in ("0", "1"):
        again = pod(**environment, HOUSING_JOB_HOSTS="2", JOB_COMPLETION_INDEX=index)
        assert again.end(30) == 0, again.log
        assert "all: finished before" in again.log
    assert bucket.get("trained/written/all/output/model.tar.gz") == model
    folder = again.log_file.parent / "pod-1" / "steps" / "all" / "model.tar.gz"
    assert folder.read_bytes() == model


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"HOUSING_JOB_PREPARED_URI": f"s3://{BUCKET}/nothing-here"}, 1, "nothing is there; check the address"),
        ({"HOUSING_JOB_PREPARED_URI": "s3://no-such-bucket-here/x"}, 1, "NoSuchBucket; check the address"),
        ({"HOUSING_JOB_PREPARED_URI": "here"}, 1, "HOUSING_JOB_PREPARED_URI: 'here': not an S3 address"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 75, "S3 did not answer"),
        ({"HOUSING_JOB_STEPS": json.dumps([{"name": "x", "checkpoints": "c", "hyperparameters": {"members": "oracle"}}])}, 1, "oracle"),
    ],
)
def test_a_pod_says_in_one_line_why_it_ends_and_by_its_status_whether_to_try_again(  # noqa: PLR0917
    bucket: Bucket,
    pod: Callable[..., Pod],
    job: Callable[..., dict[str, str]],
    synthetic_road: Road,
    change: dict[str, str],
    status: int,
    said: str,
) -> None:
    uri = prepared(bucket, synthetic_road, "faults")
    environment = job("faults", {"all": {"members": "naive"}}, HOUSING_JOB_PREPARED_URI=uri, AWS_MAX_ATTEMPTS="1")
    done = pod(**(environment | change))
    assert done.end() == status, done.log
    assert said in done.log.strip().splitlines()[-1]
    assert "Traceback" not in done.log


def test_the_serving_pod_gets_the_model_as_an_archive_or_as_files(
    bucket: Bucket, pod: Callable[..., Pod], synthetic_road: Road, tmp_path: Path
) -> None:
    bucket.s3.put_object(Bucket=BUCKET, Key="served/model.tar.gz", Body=synthetic_road.archive.read_bytes())
    bucket.put_folder(synthetic_road.model, "served/files")
    wanted = {path.relative_to(synthetic_road.model): path.read_bytes() for path in synthetic_road.model.rglob("*") if path.is_file()}
    for number, address in enumerate(("served/model.tar.gz", "served/files/")):
        done = pod("fetch", HOUSING_MODEL_URI=f"s3://{BUCKET}/{address}")
        assert done.end() == 0, done.log
        folder = tmp_path / f"pod-{number}" / "model"
        assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == wanted
    wrong = pod("fetch", HOUSING_MODEL_URI=f"s3://{BUCKET}/served/files/manifest.json")
    assert wrong.end() == 1
    assert "give the model.tar.gz of a training" in wrong.log
