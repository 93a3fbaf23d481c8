"""What this package may import: neither the domain nor a model library, and the SDK only in `definition`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pipelines

ROOT = Path(pipelines.__path__[0])
FORBIDDEN = {"torch", "xgboost", "catboost", "pandas", "housing", "training", "inference", "emulator", "lambdas"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_no_module_imports_the_domain_or_a_model_library() -> None:
    for path in ROOT.rglob("*.py"):
        assert not FORBIDDEN & set(imported(path)), path


def test_only_the_definition_imports_the_sdk() -> None:
    for path in ROOT.rglob("*.py"):
        assert "sagemaker" not in set(imported(path)) or path.parent.name == "definition", path


def test_the_command_line_starts_without_the_sdk_or_a_model_library() -> None:
    script = "import sys, cli.main; print(*sorted({'sagemaker', 'boto3', 'numpy', 'pandas', 'torch', 'pydantic'} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []
