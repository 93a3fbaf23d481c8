"""The container contract: folders, hyperparameters, and what is missing said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing.errors import DataError, SettingsError
from training.contract import Container


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def write_hyperparameters(container: Container, text: str) -> None:
    path = container.root / "input" / "config" / "hyperparameters.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_the_root_is_opt_ml_unless_it_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGEMAKER_BASE_DIR", raising=False)
    assert Container.from_environment().root == Path("/opt/ml")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", "/elsewhere")
    assert Container.from_environment().failure_file == Path("/elsewhere/output/failure")


def test_hyperparameters_are_texts_whatever_json_they_were(container: Container) -> None:
    write_hyperparameters(container, '{"members": "naive", "seed": 7, "deep": [1]}')
    assert container.hyperparameters() == {"members": "naive", "seed": "7", "deep": "[1]"}


def test_a_job_without_hyperparameters_has_none(container: Container) -> None:
    assert container.hyperparameters() == {}


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_hyperparameters_that_are_no_object_are_refused(container: Container, text: str) -> None:
    write_hyperparameters(container, text)
    with pytest.raises(SettingsError, match=r"hyperparameters\.json"):
        container.hyperparameters()


def test_an_absent_or_empty_input_is_named(container: Container) -> None:
    with pytest.raises(DataError, match="channel panel"):
        container.channel("panel")
    (container.root / "processing" / "input" / "panel").mkdir(parents=True)
    with pytest.raises(DataError, match="input panel"):
        container.input("panel")


def test_the_inputs_of_a_kind_come_by_name(container: Container) -> None:
    for name in ("train-b", "train-a", "panel"):
        (container.root / "processing" / "input" / name).mkdir(parents=True)
    assert [path.name for path in container.inputs("train-")] == ["train-a", "train-b"]
    with pytest.raises(DataError, match="connect the steps"):
        container.inputs("model-")
