"""What is in the wheel: the seven packages, each of their files, three commands, and the light requirements of each extra."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("cli", "emulator", "housing", "inference", "lambdas", "pipelines", "training")
HEAVY = {"torch", "catboost", "xgboost", "xgboost-cpu", "pandas", "matplotlib", "statsforecast"}
AWS = {"sagemaker", "boto3", "moto"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this folder's tracked kinds of files, built without a network."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    names = [*PACKAGES, "pyproject.toml", "README.md", "LICENSE"]
    subprocess.run(["tar", "-cf", "source.tar", "--exclude=__pycache__", "-C", str(ROOT), *names], cwd=out, check=True)
    subprocess.run(["tar", "-xf", str(out / "source.tar"), "-C", str(source)], check=True)
    script = f"from setuptools import build_meta; print(build_meta.build_wheel({str(out)!r}))"
    subprocess.run([sys.executable, "-c", script], cwd=source, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return zipfile.ZipFile(built)


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def required(wheel: zipfile.ZipFile, extra: str) -> set[str]:
    """The packages that an extra brings along."""
    lines = [line for line in metadata(wheel).get_all("Requires-Dist", []) if f'extra == "{extra}"' in line]
    return {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in lines}


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in files} <= set(wheel.namelist())
    assert {"housing/sources/data/texas.csv.gz", "housing/sources/data/NOTICE", "housing/report/style.css"} <= set(wheel.namelist())


def test_nothing_else_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_three_commands_are_declared(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    declared = re.findall(r"^(\w+) = ", wheel.read(name).decode(), re.MULTILINE)
    assert sorted(declared) == ["housing", "serve", "train"]


def test_the_serving_image_and_the_functions_stay_light(wheel: zipfile.ZipFile) -> None:
    assert not required(wheel, "serve") & (AWS | {"pandas", "matplotlib", "statsforecast"})
    assert not required(wheel, "lambdas") & (HEAVY | {"sagemaker", "moto"})
    assert not required(wheel, "emulator") & (HEAVY | {"sagemaker"})


def test_the_sdk_comes_with_one_extra_alone(wheel: zipfile.ZipFile) -> None:
    extras = metadata(wheel).get_all("Provides-Extra", [])
    assert [extra for extra in extras if "sagemaker" in required(wheel, extra)] == ["pipelines"]
    boosters = {"xgboost", "xgboost-cpu"}
    assert (required(wheel, "cpu") & boosters, required(wheel, "gpu") & boosters) == ({"xgboost-cpu"}, {"xgboost"})
