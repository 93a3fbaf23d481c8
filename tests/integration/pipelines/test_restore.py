"""The restore drill of docs/aws.md, with the commands as they stand there."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from cli.main import app
from pipelines import endpoint, precomputed, registry
from pipelines.settings import Settings
from tests.integration.pipelines.aws_command import commands, run

PAGE = Path(__file__).parents[3] / "docs" / "aws.md"


def housing(command: str) -> str:
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output + str(done.exception)
    return str(done.stdout)


def prediction(price: float) -> dict[str, Any]:
    return {"item_id": "Austin", "start": "2015-08-01", "0.5": [price], "model_version": f"{price:g}"}


def test_an_object_that_was_overwritten_and_deleted_is_had_back(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings.model_copy(update={"bucket": settings.endpoint_name})
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket=settings.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=settings.bucket, VersioningConfiguration={"Status": "Enabled"})
    precomputed.publish([prediction(1.0)], settings)
    key = "housing/precomputed/current.json"
    good = s3.get_object(Bucket=settings.bucket, Key=key)
    s3.put_object(Bucket=settings.bucket, Key=key, Body=b"spoiled")
    s3.delete_object(Bucket=settings.bucket, Key=key)
    assert precomputed.current(settings) is None

    versions, markers, undelete, copy, get = commands(PAGE, "An object that was overwritten or deleted")
    listed = run(versions, BUCKET=settings.bucket)
    assert good["VersionId"] in {version for version, _ in listed}
    (marker,) = run(markers, BUCKET=settings.bucket)
    run(undelete, BUCKET=settings.bucket, MARKER=marker)
    run(copy, BUCKET=settings.bucket, GOOD=good["VersionId"])
    run(get, BUCKET=settings.bucket)
    assert (tmp_path / "out" / "current.json").read_bytes() == good["Body"].read()
    assert precomputed.read("Austin", settings) == prediction(1.0)


def test_a_bad_approval_is_taken_back(settings: Settings, register: Callable[..., str], monkeypatch: pytest.MonkeyPatch, aws: Any) -> None:
    for name in ("pipeline_name", "model_package_group", "endpoint_name", "function_name"):
        monkeypatch.setenv(f"HOUSING_{name.upper()}", getattr(settings, name))
    monkeypatch.setenv("HOUSING_CPU_TIER", "false")
    monkeypatch.setenv("HOUSING_BAKE_SECONDS", "0")
    for name in ("good", "bad"):
        registry.approve(register(name), "", settings)
        endpoint.deploy(registry.newest(settings, "Approved"), settings)

    reject, deploy, status = commands(PAGE, "A bad approval")
    housing(reject)
    housing(deploy)
    assert settings.endpoint_name in housing(status)
    reply = aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=settings.endpoint_name, ContentType="application/json", Body="{}")
    assert b"good" in reply["Body"].read()
    assert [(package.version, package.status) for package in registry.packages(settings)] == [(2, "Rejected"), (1, "Approved")]
    endpoint.delete(settings)
