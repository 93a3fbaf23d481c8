"""`housing conformance`: the emulator held against a real account, by the same flows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from cli.plan import DryRunOption, YesOption, agree

if TYPE_CHECKING:
    from pipelines.cost.run import RunEstimate
    from pipelines.plan import Plan
    from pipelines.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(conformance)


def conformance(
    out: Annotated[Path, typer.Option(help="Folder of the two records.")] = Path("out/conformance"),
    max_usd: Annotated[float, typer.Option(min=0, help="Do not start when the run is estimated to cost more.")] = 1.0,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Run the flows against the emulator and, where there are credentials of a real account, against AWS; compare the answers.

    Without credentials the half against AWS is skipped, loudly.
    """
    from housing.sources import open_source, write_source_folder
    from pipelines.conformance import OVERRIDES
    from pipelines.cost.run import estimate_run, require_budget
    from pipelines.export import export_cached
    from pipelines.settings import Settings

    settings = Settings(**OVERRIDES)
    estimate = estimate_run(export_cached(settings), settings)
    require_budget(estimate, max_usd)
    reason = _no_account(settings)
    agree(_plan(settings, estimate, reason), yes=yes or bool(reason), dry_run=dry_run)
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        write_source_folder(open_source("texas", {}), Path(folder) / "source")
        _against_emulator(Path(folder), out / "emulator.json")
        if reason:
            typer.echo(f"SKIPPED against AWS: {reason}. The emulator's answers are in {out / 'emulator.json'}", err=True)
            return
        _flows(Path(folder) / "source", out / "aws.json", dict(os.environ))
    _compare(out)


def _no_account(settings: Settings) -> str:
    """Why there is no real account to run against; empty when there is one."""
    if any(name.startswith("AWS_ENDPOINT_URL") for name in os.environ):
        return "AWS_ENDPOINT_URL is set, so calls would not go to AWS; unset it"
    from botocore.exceptions import BotoCoreError, ClientError

    from pipelines.aws import client, for_caller
    from pipelines.versions import resolved

    try:
        client("sts", settings).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return f"there are no AWS credentials ({error})"
    called = for_caller(settings)
    absent = [uri for uri in (called.image_uri, called.cpu_serving_image_uri) if "@" not in resolved(uri, called)]
    return f"the registry does not hold {absent[0]}; build and push the images first" if absent else ""


def _plan(settings: Settings, estimate: RunEstimate, reason: str) -> Plan:
    from pipelines.plan import Plan

    where = "against the emulator alone" if reason else "against the emulator, then against AWS"
    steps = (
        f"{where}: a pipeline run of {len(estimate.lines)} positions on ml.m5.large",
        f"a serverless endpoint of {settings.serverless_memory_mb} MB, a few requests",
        "teardown of all of it in any case, data included",
    )
    price = (
        f"about ${estimate.usd:.2f} and less than a cent for the endpoint; time limits of the jobs end it at ${estimate.ceiling_usd:.2f}"
    )
    return Plan("conformance", steps, "nothing" if reason else price, "it takes itself down")


def _against_emulator(folder: Path, record: Path) -> None:
    from cli.local import IMAGES
    from emulator import lifecycle

    home = folder / "emulator"
    quick = {"EMULATOR_WAIT_SCALE": "0"}
    before = {name: os.environ.get(name) for name in quick}
    os.environ.update(quick)
    try:
        lifecycle.up(home, port=0, images=IMAGES)
        here = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        _flows(folder / "source", record, here | lifecycle.env(home))
    finally:
        lifecycle.down(home)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _flows(source: Path, record: Path, environment: dict[str, str]) -> None:
    """The flows in a process of their own, whose environment says where they go; ends the command when they fail."""
    command = [sys.executable, "-m", "pipelines.conformance", str(source), str(record)]
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def _compare(out: Path) -> None:
    import json

    from pipelines.conformance import differences

    ours, theirs = (json.loads((out / f"{name}.json").read_text()) for name in ("emulator", "aws"))
    found = differences(ours, theirs)
    for line in found:
        typer.echo(line)
    typer.echo(f"{len(found)} differences; the records are in {out}")
    if found:
        raise typer.Exit(1)
