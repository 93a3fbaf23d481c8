"""A command is a thin wrapper of the function of its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cli.eks import app as eks_commands
from cli.endpoint import app as endpoint_commands
from cli.main import app
from pipelines import api

ELSEWHERE = {"backtest", "serve"}
"""Commands around the other rooms: `housing.study` and `inference.serve`."""

FOLDER = Path(__file__).parents[3] / "cli"


def test_every_command_has_its_function() -> None:
    names = {
        (command.callback.__name__ if command.callback else "")
        for command in [*app.registered_commands, *endpoint_commands.registered_commands, *eks_commands.registered_commands]
    }
    assert names - ELSEWHERE == set(api.__all__)
    assert all(callable(getattr(api, name)) for name in api.__all__)


def test_the_functions_come_without_models_or_the_sdk() -> None:
    heavy = "torch, xgboost, catboost, pandas, sagemaker, pyarrow"
    script = f"import sys, pipelines.api; print([name for name in '{heavy}'.split(', ') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
