"""`housing serve --model DIR_OR_S3`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Launch = Callable[..., Any]
SERIES = {"inputs": [{"item_id": "Town A"}]}


def test_a_folder_and_an_archive_are_served(launch: Launch, synthetic_road: Any) -> None:
    for model in (synthetic_road.model, synthetic_road.archive):
        server = launch(synthetic_road.model, str(model))
        server.wait_ready()
        assert server.forecast(SERIES)[0] == 200
        assert server.stop() == 0


def test_an_archive_in_s3_is_served_by_two_workers(launch: Launch, synthetic_road: Any, emulator: Any) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="serve-by-hand", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.upload_file(str(synthetic_road.archive), "serve-by-hand", "models/model.tar.gz")
    server = launch(Path("/nowhere"), "s3://serve-by-hand/models/model.tar.gz", **emulator.env, HOUSING_WORKERS="2")
    server.wait_ready()
    assert server.forecast(SERIES)[0] == 200
    assert server.stop() == 0


def test_what_is_no_artifact_is_refused_in_one_line(launch: Launch, emulator: Any) -> None:
    for model, said in {"/no/such/folder": "neither a folder", "s3://": "s3://BUCKET/KEY", "s3://serve-nowhere/x": "Not Found"}.items():
        server = launch(Path("/nowhere"), model, **emulator.env)
        assert server.process.wait(120) != 0
        text = server.log.read_text()
        assert said in text, text
        assert "Traceback" not in text
