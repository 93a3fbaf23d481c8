"""`housing eks`: a Job is made once, by a caller that the cluster knows, after a plan with its price."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.faults import one_line
from cli.main import app
from pipelines import api
from pipelines.eks.api import Api, Cluster, ClusterError
from pipelines.eks.control import connect, of_source
from pipelines.eks.job import render
from pipelines.eks.jobs import submit
from pipelines.settings import Settings

from .conftest import ended, pod
from .fake_cluster import FakeCluster


def housing(*words: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["eks", *words])
    line = one_line(done.exception) if isinstance(done.exception, Exception) else None
    assert (done.exit_code, done.exception is None or line is not None or done.exit_code in (0, 2)) == (status, True), done.output
    return str(done.output) + (line or "")


@pytest.fixture
def words(synthetic_source: Path) -> tuple[str, ...]:
    return ("--panel", str(synthetic_source / "panel.csv.gz"), "--lag", "sales=1")


def test_a_training_is_made_once_however_often_it_is_asked_for(cluster: FakeCluster, words: tuple[str, ...]) -> None:
    first = json.loads(housing("submit", *words, "--yes", "--json"))
    again = json.loads(housing("submit", *words, "--yes", "--json"))
    assert (first["created"], again["created"], first["name"]) == (True, False, again["name"])
    assert "is there already" in housing("submit", *words, "--yes")
    assert list(cluster.jobs) == [first["name"]]
    other = json.loads(housing("submit", *words, "--yes", "--json", "--attempt", "2"))
    assert other["created"] and set(cluster.jobs) == {first["name"], other["name"]}


def test_two_triggers_at_once_make_one_job(cluster: FakeCluster, synthetic_source: Path) -> None:
    manifest = render(of_source(synthetic_source, 12, Settings()))
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: submit(connect(Settings()), manifest), range(4)))
    assert sorted(outcomes) == ["created", "there", "there", "there"]
    assert len(cluster.jobs) == 1


def test_what_is_submitted_is_what_is_rendered_and_its_data_is_there(cluster: FakeCluster, words: tuple[str, ...]) -> None:
    shown = yaml.safe_load(housing("render", *words))
    housing("submit", *words, "--yes")
    (made,) = cluster.jobs.values()
    assert made["spec"] == shown["spec"]
    source = made["metadata"]["annotations"]["housing/source-uri"]
    import boto3

    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    listed = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert {item["Key"].rpartition("/")[2] for item in listed} == {"panel.csv.gz", "source.json"}


def test_the_plan_has_the_price_and_a_dry_run_makes_nothing(cluster: FakeCluster, words: tuple[str, ...]) -> None:
    plan = json.loads(housing("submit", *words, "--dry-run", "--json"))
    assert "$0.485 an hour and node" in plan["price"]  # 1.212 on demand, 60% saved
    assert "time limit ends it at $12.99" in plan["price"]  # 8 hours on demand
    assert any("checkpoints xgboost-" in step for step in plan["steps"])
    assert cluster.posts == 0
    assert "nobody can be asked here" in housing("submit", *words, status=2)
    assert cluster.posts == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"HOUSING_EKS_CLUSTER": "other"}, "cluster other: does not exist in eu-west-1; check HOUSING_EKS_CLUSTER"),
        ({"HOUSING_EKS_CLUSTER": None}, "HOUSING_EKS_CLUSTER: is not set"),
        ({"HOUSING_IMAGE_URI": "housing crisis"}, "image: 'housing crisis' is not valid"),
        ({"HOUSING_TRAINING_INSTANCE_COUNT": "9"}, "hosts: 9; give 1 to 5"),
    ],
)
def test_a_wrong_setting_is_one_line_before_anything_is_made(
    cluster: FakeCluster, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None], said: str
) -> None:
    for name, value in change.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    assert said in housing("submit", *words, "--yes", status=1)
    assert cluster.posts == 0


def test_steps_belong_to_an_execution(cluster: FakeCluster, words: tuple[str, ...]) -> None:
    assert "needs --execution" in housing("submit", *words, "--step", "xgboost", "--yes", status=2)


def test_the_cluster_refuses_in_its_own_words_with_the_remedy(cluster: FakeCluster, synthetic_source: Path) -> None:
    manifest = render(of_source(synthetic_source, 12, Settings()))
    cluster.forbidden = True
    with pytest.raises(ClusterError, match=r"403 jobs.batch is forbidden.*bind it to the role housing-submitter"):
        submit(connect(Settings()), manifest)
    cluster.forbidden = False
    with pytest.raises(ClusterError, match=r"400 .*backofLimit"):
        submit(connect(Settings()), manifest.replace("backoffLimit", "backofLimit"))
    assert cluster.jobs == {}


def test_a_caller_without_a_true_token_is_refused(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.eks.api.token", lambda *_: "k8s-aws-v1.aGVsbG8")
    with pytest.raises(ClusterError, match="401 Unauthorized; the cluster does not know this caller"):
        connect(Settings()).get("/apis/batch/v1/namespaces/ml-jobs/jobs")


def test_a_server_that_is_not_ready_is_asked_again_and_another_authority_is_never_trusted(cluster: FakeCluster) -> None:
    described = Cluster("housing", "eu-west-1", cluster.endpoint, cluster.authority_pem)
    cluster.unready = 2
    assert Api(described).get("/apis/batch/v1/namespaces/ml-jobs/jobs") == {"items": []}
    cluster.unready = 9
    with pytest.raises(ClusterError, match="503 apiserver not ready"):
        Api(described).get("/apis/batch/v1/namespaces/ml-jobs/jobs")
    cluster.unready = 0
    with pytest.raises(ClusterError, match=r"no answer from https://127.0.0.1"):
        Api(replace(described, authority_pem="")).get("/apis/batch/v1/namespaces/ml-jobs/jobs")


def test_status_tells_interruptions_from_failures_and_logs_are_of_the_newest_pod(cluster: FakeCluster, words: tuple[str, ...]) -> None:
    name = json.loads(housing("submit", *words, "--yes", "--json"))["name"]
    assert "Pending" in housing("status", name)
    taken = {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]}
    cluster.pods = [
        pod(f"{name}-0-aaaaa", name, "Failed", 30, **ended(143) | taken),
        pod(f"{name}-0-bbbbb", name, "Failed", 20, **ended(75, message="s3://b/x: S3 did not answer")),
        pod(f"{name}-0-ccccc", name, "Running", 10),
    ]
    cluster.jobs[name]["status"] = {"active": 1, "failed": 1}
    (state,) = api.eks_status(Settings(), name)
    assert (state.state, state.interruptions, state.failed) == ("Running", 1, 1)
    assert "exit status 75 Error: s3://b/x: S3 did not answer" in housing("status")
    cluster.logs[f"{name}-0-ccccc"] = "one\ntwo\nthree\n"
    assert housing("logs", name, "--lines", "2") == "two\nthree\n"
    why = {"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "message": "Container train failed with exit code 1"}
    cluster.jobs[name]["status"] = {"failed": 2, "conditions": [why]}
    assert "Failed" in housing("status", name) and "PodFailurePolicy: Container train" in housing("status", name)
    assert "is not there" in housing("status", "train-nothing", status=1)
    assert "lower case letters" in housing("logs", "../secrets", status=1)


def test_logs_of_a_job_that_has_not_begun_say_where_to_look(cluster: FakeCluster, words: tuple[str, ...]) -> None:
    name = json.loads(housing("submit", *words, "--yes", "--json"))["name"]
    assert f"no pod has begun; `housing eks status {name}` says why" in housing("logs", name, status=1)
