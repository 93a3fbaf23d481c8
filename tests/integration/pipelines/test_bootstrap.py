"""`housing bootstrap` and the stacks' end, on an emulator of its own: planned, made, repeated, changed, failed, mended, removed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.faults import one_line
from cli.main import app
from emulator import lifecycle
from pipelines import packaging, stacks
from pipelines.doctor.stacks import broken
from pipelines.settings import Settings
from pipelines.teardown import inventory


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, start_emulator: Callable[..., Any]) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("bootstrap") / "home"
    yield start_emulator(home)
    lifecycle.down(home)


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The functions' zips, built once: the code may be edited while the tests run."""
    return packaging.build(tmp_path_factory.mktemp("zips"))


@pytest.fixture(autouse=True)
def cloud(own: Any, zips: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module's emulator as the AWS of this process."""
    monkeypatch.setattr(packaging, "build", lambda _: zips)
    for name in [name for name in os.environ if name.startswith(("AWS_", "HOUSING_"))]:
        monkeypatch.delenv(name)
    for name, value in own.env.items():
        monkeypatch.setenv(name, value)
    return own


def housing(*words: str, status: int = 0) -> str:
    """What a command says, on both streams, with the line of an expected error."""
    done = CliRunner().invoke(app, words)
    line = one_line(done.exception) if isinstance(done.exception, Exception) else None
    assert done.exit_code == status, done.output + str(done.exception)
    return str(done.stdout) + str(done.stderr) + (line or "")


def told(*words: str) -> Any:
    """What a command says for programs."""
    return json.loads(CliRunner().invoke(app, words).stdout)


def test_a_plan_has_a_price_and_makes_no_stack(cloud: Any) -> None:
    planned = housing("bootstrap", "--dry-run")
    assert "stack housing-app: makes" in planned
    assert "4 x Lambda::Function" in planned
    assert "a month while nobody uses it (1 keys $1.00" in planned
    assert "nobody can be asked here" in housing("bootstrap", status=2)
    facts = told("bootstrap", "--dry-run", "--json")
    assert facts["title"] == "bootstrap"
    assert stacks.describe("housing-app", Settings()) is None
    bucket = Settings().artifact_bucket
    s3 = cloud.client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Sid"] == "TlsOnly"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--with", "moon"), "moon: choose of app, sagemaker, cost"),
        (("--parameter", "Colour=red"), "--parameter Colour: no template has it"),
        (("--parameter", "Colour"), "--parameter Colour: write NAME=VALUE"),
        (("--parameter", "Profile=daily"), "'Profile' must be one of batch, realtime, hybrid"),
        (("--parameter", "AlarmEmail=nobody"), "'AlarmEmail' must match pattern"),
        (("--with", "cost"), r"housing-cost.*Email"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_made(words: tuple[str, ...], why: str) -> None:
    said = CliRunner().invoke(app, ["bootstrap", "-y", *words])
    assert isinstance(said.exception, Exception)
    line = one_line(said.exception)
    assert line is not None
    assert "\n" not in line
    assert re.search(why, line), line
    assert stacks.describe("housing-app", Settings()) is None


def test_a_failed_stack_names_the_first_resource_and_can_be_made_again(cloud: Any) -> None:
    iam = cloud.client("iam")
    iam.create_role(RoleName="housing-status", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    failed = housing("bootstrap", "-y", status=1)
    assert "stack housing-app: ROLLBACK_COMPLETE: StatusRole (AWS::IAM::Role): " in failed
    assert "already exists" in failed
    (found,) = broken(Settings())
    assert "stack housing-app: is ROLLBACK_COMPLETE" in str(found)
    iam.delete_role(RoleName="housing-status")


def test_everything_is_made_once_and_then_left_alone(cloud: Any) -> None:
    done = told("bootstrap", "-y", "--json", "--with", "sagemaker")
    assert done["changed"] == ["housing-app", "housing-sagemaker"]
    assert done["outputs"]["BucketName"] == Settings().bucket
    assert done["outputs"]["ApiUrl"].startswith(cloud.url)
    assert cloud.client("lambda").get_alias(FunctionName="housing-predict", Name="live")["FunctionVersion"] == "1"
    assert cloud.client("s3").get_bucket_versioning(Bucket=Settings().bucket)["Status"] == "Enabled"
    assert list(broken(Settings())) == []
    again = housing("bootstrap", "-y", "--with", "sagemaker")
    assert "stack housing-app: unchanged" in again
    assert "stack housing-sagemaker: unchanged" in again


def test_a_parameter_is_kept_and_a_change_is_shown_by_resource(cloud: Any) -> None:
    planned = housing("bootstrap", "--dry-run", "--parameter", "LogRetentionDays=7")
    assert "changes PredictLogs (Logs::LogGroup): RetentionInDays" in planned
    housing("bootstrap", "-y", "--parameter", "LogRetentionDays=7")
    assert "unchanged" in housing("bootstrap", "-y")
    group = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/housing-predict")["logGroups"][0]
    assert group["retentionInDays"] == 7


def test_a_teardown_leaves_stack_and_data_until_everything_is_to_go(cloud: Any) -> None:
    s3, settings = cloud.client("s3"), Settings()
    s3.put_object(Bucket=settings.bucket, Key="housing/kept", Body=b"x")
    assert any(one.startswith("stack housing-app") for one in inventory(settings).kept)
    housing("teardown", "-y")
    assert stacks.exists("housing-app", settings)
    planned = housing("teardown", "--everything", "--dry-run")
    for one in ("removes stack housing-app", "removes key ", "removes secret fred-api-key", "removes repository housing-crisis-ml"):
        assert one in planned
    housing("teardown", "-y", "--everything")
    assert stacks.describe("housing-app", settings) is None
    assert not [bucket for bucket in s3.list_buckets()["Buckets"] if bucket["Name"].startswith("housing-")]
    assert cloud.client("ecr").describe_repositories()["repositories"] == []
    assert "there is nothing to remove" in housing("teardown", "--everything", "--dry-run")


def test_a_bucket_that_a_run_made_before_is_adopted_with_what_is_in_it(cloud: Any) -> None:
    s3, settings = cloud.client("s3"), Settings()
    s3.create_bucket(Bucket=settings.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=settings.bucket, Key="housing/before", Body=b"x")
    assert "adopts DataBucket (S3::Bucket)" in housing("bootstrap", "-y")
    assert s3.get_bucket_versioning(Bucket=settings.bucket)["Status"] == "Enabled"
    assert s3.get_object(Bucket=settings.bucket, Key="housing/before")["Body"].read() == b"x"
