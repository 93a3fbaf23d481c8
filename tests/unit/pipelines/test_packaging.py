"""The zips of the functions: the same bytes from the same sources, and nothing in them that the function does not need."""

from __future__ import annotations

import importlib.util
import io
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipelines import packaging
from pipelines.errors import DeploymentError
from pipelines.imports import imports

ROOT = Path(packaging.__file__).parents[1]


def names_in(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


@pytest.fixture(scope="module")
def predict() -> bytes:
    return packaging.package("predict")


def test_the_zip_does_not_depend_on_dates_modes_locale_hash_seed_or_folder(predict: bytes, tmp_path: Path) -> None:
    for room in ("lambdas", "pipelines"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in {name for files in packaging.DATA.values() for name in files}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    for path in tmp_path.rglob("*.*"):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    odd = {"PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}
    command = f"umask 077; exec '{sys.executable}' -m pipelines.packaging zips"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=odd, check=True, capture_output=True)
    assert (tmp_path / "zips" / "predict.zip").read_bytes() == predict


def test_the_zip_holds_what_the_handler_reaches_and_no_more(predict: bytes) -> None:
    names = names_in(predict)
    assert {"lambdas/__init__.py", "lambdas/predict/__init__.py", "lambdas/predict/handler.py"} <= set(names)
    tops = {name.partition("/")[0] for name in names}
    assert tops <= {"lambdas", "pipelines", "aws_lambda_powertools", "typing_extensions.py", "__pycache__", "licences"}
    assert not [name for name in names if name.startswith(("lambdas/train", "aws_lambda_powertools/event_handler"))]
    assert not [name for name in names if "pydantic" in name or "settings" in name]


def test_every_module_has_bytecode_that_is_never_checked_against_its_source(predict: bytes) -> None:
    archive = zipfile.ZipFile(io.BytesIO(predict))
    for name in names_in(predict):
        if name.endswith(".py"):
            parent, _, file = name.rpartition("/")
            code = archive.read(f"{parent}/__pycache__/{file[:-3]}.cpython-311.pyc".lstrip("/"))
            assert code[:4] == importlib.util.MAGIC_NUMBER
            assert int.from_bytes(code[4:8], "little") == 0b01, "hash-based, unchecked"
            marshal.loads(code[16:])  # noqa: S302 our own bytes


def test_each_zip_is_small_enough() -> None:
    for name in packaging.names():
        assert len(packaging.package(name)) <= 1_500_000


def test_an_import_that_lambda_would_not_find_ends_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lambdas" / "odd").mkdir(parents=True)
    for package in ("lambdas", "lambdas/odd"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "lambdas" / "odd" / "handler.py").write_text("def handler(event, context):\n    import yaml\n")
    monkeypatch.setattr(packaging, "_root", lambda: tmp_path)
    with pytest.raises(DeploymentError, match=r"lambdas/odd/handler.py: imports yaml"):
        packaging.package("odd")


def test_imports_are_read_from_the_text(tmp_path: Path) -> None:
    path = tmp_path / "__init__.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nfrom . import near\nfrom ..far import thing\nif TYPE_CHECKING:\n    import never\n"
        "else:\n    import always\ndef f():\n    import late\n"
    )
    found = {one.module: one for one in imports(path, "a.b")}
    assert set(found) == {"typing", "a.b", "a.far", "always", "late"}
    assert found["a.b"].candidates == ["a", "a.b", "a.b.near"]
    assert found["late"].inside_function
    assert not found["always"].inside_function
