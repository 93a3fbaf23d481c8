"""The zips as Lambda runs them: the real runtime client, and nothing importable but the zip and what the runtime provides."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.functions.runtime import TASK_FOLDER, environment, interpreter, unpacked, worker
from pipelines import packaging
from tests.integration.lambdas.stub import Aws, answering, event, hanging

Unpack = Callable[[str], Path]
HANDLER = "lambdas.predict.handler.handler"


@pytest.fixture(scope="module")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The unpacked zip of a function, each made once."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = unpacked(packaging.package(name), tmp_path_factory.mktemp(name))
        return made[name]

    return folder


@pytest.fixture
def settings(aws: Aws) -> dict[str, str]:
    aws.replies |= {"cpu": answering("cpu"), "gpu": answering("gpu")}
    return {"AWS_ENDPOINT_URL": aws.url, "HOUSING_ENDPOINT_NAME": "gpu", "HOUSING_CPU_ENDPOINT_NAME": "cpu", "HOUSING_BUCKET": "bucket"}


def test_nothing_of_this_checkout_can_be_imported(unpack: Unpack) -> None:
    folder = unpack("predict")
    code = "import lambdas, sys; print(lambdas.__file__)\ntry: import housing, yaml, pydantic\nexcept ImportError: print('none')"
    done = subprocess.run([*interpreter(), "-c", code], env=environment(folder, {}), cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(folder / TASK_FOLDER / "lambdas" / "__init__.py"), "none"]


def test_a_start_makes_no_client(unpack: Unpack, settings: dict[str, str]) -> None:
    folder = unpack("predict")
    code = "import lambdas.predict.handler, sys; print([name for name in ('boto3', 'botocore.client') if name in sys.modules])"
    variables = environment(folder, settings)
    done = subprocess.run([*interpreter(), "-c", code], env=variables, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_cold_worker_answers_and_a_warm_one_again(aws: Aws, settings: dict[str, str], unpack: Unpack, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, worker(unpack("predict"), HANDLER, settings, log=log) as running:
        for _ in range(2):
            posted = running.invoke(event())
            assert (posted.kind, posted.content["statusCode"]) == ("response", 200)
            assert posted.content["headers"]["x-housing-route"] == "cpu"
            assert json.loads(posted.content["body"]) == {"predictions": ["cpu"]}
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    answered = [line for line in lines if line.get("message") == "answered"]
    assert [(line["request_id"], line["route"], line["level"]) for line in answered] == [("r1", "cpu", "INFO")] * 2
    assert len({line["function_request_id"] for line in answered}) == 2
    (metric, *_) = [line for line in lines if "_aws" in line]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"], ["service", "route"]]
    assert (metric["service"], metric["route"], metric["Requests"]) == ("housing-predict", "cpu", [1.0])


def test_a_large_request_becomes_a_job_in_the_worker_too(aws: Aws, settings: dict[str, str], unpack: Unpack) -> None:
    with worker(unpack("predict"), HANDLER, {**settings, "HOUSING_ASYNC_ENDPOINT_NAME": "queue"}) as running:
        posted = running.invoke(event("x,1\n" * 6000, content_type="text/csv"))
    assert posted.content["statusCode"] == 202


def test_an_event_that_is_no_json_is_an_error_and_the_worker_lives_on(settings: dict[str, str], unpack: Unpack) -> None:
    with worker(unpack("predict"), HANDLER, settings) as running:
        posted = running.invoke(None, raw=b"{")
        assert (posted.kind, posted.content["errorType"]) == ("error", "Runtime.UnmarshalError")
        assert running.invoke(event()).content["statusCode"] == 200


def test_a_wrong_setting_is_an_error_of_the_start_that_names_it(settings: dict[str, str], unpack: Unpack) -> None:
    wrong = {**settings, "HOUSING_ROUTES": "["}
    with worker(unpack("predict"), HANDLER, wrong) as running, pytest.raises(RuntimeError, match="HOUSING_ROUTES: not JSON"):
        running.wait_ready()


def test_a_missing_module_is_an_error_of_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    folder = unpacked(packaging.package("predict"), tmp_path)
    (folder / TASK_FOLDER / "lambdas" / "predict" / "breaker.py").unlink()
    (folder / TASK_FOLDER / "lambdas" / "predict" / "__pycache__" / "breaker.cpython-311.pyc").unlink()
    with worker(folder, HANDLER, settings) as running, pytest.raises(RuntimeError, match=r"Runtime\.ImportModuleError"):
        running.wait_ready()


def test_the_worker_answers_before_its_time_is_over(aws: Aws, settings: dict[str, str], unpack: Unpack) -> None:
    aws.replies |= {"cpu": hanging(3.0), "gpu": hanging(3.0)}
    with worker(unpack("predict"), HANDLER, settings, timeout_seconds=1.5) as running:
        running.wait_ready()
        posted = running.invoke(event())
    assert posted.content["statusCode"] == 504


def test_a_function_that_does_not_end_in_time_is_ended(tmp_path: Path) -> None:
    folder = unpacked(packaging.package("predict"), tmp_path)
    (folder / TASK_FOLDER / "slow.py").write_text("import time\ndef handler(event, context):\n    time.sleep(30)\n")
    with worker(folder, "slow.handler", {}, timeout_seconds=0.4) as running:
        running.wait_ready()
        with pytest.raises(TimeoutError, match=r"timed out after 0\.40 seconds"):
            running.invoke({})
        assert running.process.wait(5) != 0


@pytest.mark.parametrize("name", [name for name in packaging.names() if name != "predict"])
def test_every_other_function_starts_from_its_zip_alone(name: str, aws: Aws, settings: dict[str, str], unpack: Unpack) -> None:
    with worker(unpack(name), f"lambdas.{name}.handler.handler", settings) as running:
        assert running.wait_ready() > 0


def test_the_bytecode_is_what_runs(settings: dict[str, str], tmp_path: Path) -> None:
    folder = unpacked(packaging.package("predict"), tmp_path)
    for source in (folder / TASK_FOLDER).rglob("*.py"):
        source.write_text("raise SystemExit('a source was read')")
    with worker(folder, HANDLER, settings) as running:
        assert running.invoke(event()).content["statusCode"] == 200
