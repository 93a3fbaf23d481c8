"""`housing doctor`: what this computer lacks, each with its remedy."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import typer

NEEDED_PYTHON = (3, 11)
NEEDED_FREE_GIB = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(doctor)


def doctor() -> None:
    """Check Python, disk and the AWS that the environment points to."""
    faults = [fault for fault in (python_fault(sys.version_info[:2]), disk_fault(Path.cwd()), aws_fault()) if fault]
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo("nothing is missing")


def python_fault(version: tuple[int, ...]) -> str | None:
    """The fault of a Python of another minor version."""
    if version == NEEDED_PYTHON:
        return None
    needed, found = (".".join(map(str, numbers)) for numbers in (NEEDED_PYTHON, version))
    return f"python: {found} runs, {needed} is needed; make .venv again with python{needed}"


def disk_fault(folder: Path) -> str | None:
    """The fault of a disk with too little room for models and logs."""
    free_gib = shutil.disk_usage(folder).free / 2**30
    if free_gib >= NEEDED_FREE_GIB:
        return None
    return f"disk: {free_gib:.1f} GiB free at {folder}, {NEEDED_FREE_GIB:g} are needed; make room, or `housing local reset`"


def aws_fault() -> str | None:
    """The fault of an AWS that does not answer, or refuses the credentials."""
    from cli.faults import one_line
    from pipelines.aws import client
    from pipelines.settings import Settings

    try:
        client("sts", Settings()).get_caller_identity()
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        return f"{os.environ.get('AWS_ENDPOINT_URL', 'aws')}: {line}"
    return None
