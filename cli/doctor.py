"""`housing doctor`: what this computer lacks, and what is wrong or wasted in the account, each with its remedy."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

NEEDED_PYTHON = (3, 11)
NEEDED_FREE_GIB = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(doctor)


def doctor(
    strict: Annotated[bool, typer.Option("--strict", help="End with status 1 for what is wrong in the account, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Check Python, disk and AWS, then the account: idle endpoints, notebooks, quotas, scaling, alarms, images, secrets, failed jobs,
    and pods on EKS that wait.

    Ends with status 1 for a fault of this computer or of the way to AWS.
    """
    import json

    from pipelines.doctor import examine
    from pipelines.settings import Settings

    unreachable = aws_fault()
    faults = [fault for fault in (python_fault(sys.version_info[:2]), disk_fault(Path.cwd()), unreachable) if fault]
    examined = None if unreachable else examine(Settings())
    findings = examined.findings if examined else ()
    unchecked = examined.unchecked if examined else ()
    if as_json:
        told = {"faults": faults, "findings": [vars(finding) for finding in findings], "unchecked": list(unchecked)}
        typer.echo(json.dumps(told, indent=1))
    else:
        for line in (*faults, *map(str, findings)):
            typer.echo(line, err=True)
        for line in unchecked:
            typer.echo(f"not checked: {line}")
    if faults or (strict and findings):
        raise typer.Exit(1)
    if not as_json and not findings:
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
