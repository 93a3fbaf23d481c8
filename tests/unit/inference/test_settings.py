"""Settings of the server from the environment that SageMaker gives."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from housing.errors import SettingsError
from inference.serve import listen
from inference.settings import BATCH_BODY_MEGABYTES, REALTIME_BODY_BYTES, Settings


def test_the_defaults_are_those_of_a_hosting_container() -> None:
    settings = Settings.from_environment({})
    assert (settings.model_folder, settings.port) == (Path("/opt/ml/model"), 8080)
    assert settings.max_body_bytes == REALTIME_BODY_BYTES == 6 * 1024 * 1024


def test_the_base_folder_the_model_folder_and_the_port_can_be_moved() -> None:
    assert Settings.from_environment({"SAGEMAKER_BASE_DIR": "/base"}).model_folder == Path("/base/model")
    settings = Settings.from_environment({"SAGEMAKER_BASE_DIR": "/base", "SM_MODEL_DIR": "/m", "SAGEMAKER_BIND_TO_PORT": "9000"})
    assert (settings.model_folder, settings.port) == (Path("/m"), 9000)


def test_batch_transform_has_its_own_payload_and_patience() -> None:
    settings = Settings.from_environment({"SAGEMAKER_BATCH": "true"})
    assert settings.max_body_bytes == BATCH_BODY_MEGABYTES * 1024 * 1024
    assert settings.deadline_seconds > 60
    assert Settings.from_environment({"SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "7"}).max_body_bytes == 7 * 1024 * 1024


@pytest.mark.parametrize("value", ["many", "-1", "nan", "inf"])
def test_a_setting_without_meaning_is_refused_by_name(value: str) -> None:
    with pytest.raises(SettingsError, match="HOUSING_MAX_QUEUE_ROWS"):
        Settings.from_environment({"HOUSING_MAX_QUEUE_ROWS": value})


def test_more_workers_than_anybody_means_are_refused() -> None:
    assert Settings.from_environment({"HOUSING_WORKERS": "3"}).workers == 3
    with pytest.raises(SettingsError, match="HOUSING_WORKERS: 100000; at most"):
        Settings.from_environment({"HOUSING_WORKERS": "100000"})


def test_an_address_that_cannot_be_had_is_named_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (taken.getsockname()[1], 99_999):
            with pytest.raises(SettingsError, match=f"127.0.0.1:{port}"):
                listen(Settings(Path(), host="127.0.0.1", port=port))
