"""Data lives at an address made of its content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.aws import split_uri
from pipelines.errors import ExecutionError
from pipelines.settings import Settings
from pipelines.source import upload_source


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "panel.csv.gz").write_text(content)
    (path / "source.json").write_text("{}")
    return path


def test_the_same_data_has_one_address_and_new_data_another(aws: Any, tmp_path: Path) -> None:
    settings = Settings(bucket="source-test")
    first = upload_source(folder(tmp_path / "a", "1"), settings)
    again = upload_source(folder(tmp_path / "b", "1"), settings)
    other = upload_source(folder(tmp_path / "c", "2"), settings)
    assert first == again != other
    assert first.startswith("s3://source-test/housing/sources/")
    bucket, prefix = split_uri(first)
    listed = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert [item["Key"].removeprefix(prefix) for item in listed] == ["panel.csv.gz", "source.json"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match="holds no files"):
        upload_source(tmp_path, Settings())
