"""`housing serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)


def serve(
    model: Annotated[str, typer.Option(help="An artifact: its folder, its model.tar.gz, or s3://BUCKET/KEY of the latter.")],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one per GPU, else per core.")] = 0,
) -> None:
    """Serve an artifact on this computer: GET /ping, POST /invocations."""
    from tempfile import TemporaryDirectory

    from inference.serve import run, use_one_thread
    from inference.settings import Settings

    use_one_thread()
    with TemporaryDirectory(prefix="housing-model-") as scratch:
        folder = _folder(model, Path(scratch))
        os.environ |= {"SM_MODEL_DIR": str(folder), "SAGEMAKER_BIND_TO_PORT": str(port), "HOUSING_SERVE_HOST": host}
        os.environ |= {"HOUSING_WORKERS": str(workers)} if workers else {}
        settings = Settings.from_environment()
        typer.echo(f"http://{host}:{port}/ping; end with Ctrl-C", err=True)
        status = run(settings)
    raise typer.Exit(status)


def _folder(model: str, scratch: Path) -> Path:
    """The folder of the artifact, which is fetched and unpacked into `scratch` where it is not one already."""
    from housing import artifact

    if Path(model).is_dir():
        return Path(model)
    archive = Path(model)
    if model.startswith("s3://"):
        from pipelines.aws import client, split_uri
        from pipelines.settings import Settings

        bucket, key = split_uri(model)
        if not bucket or not key:
            raise typer.BadParameter(f"{model}: write s3://BUCKET/KEY of a model.tar.gz", param_hint="--model")
        archive = scratch / "model.tar.gz"
        client("s3", Settings()).download_file(bucket, key, str(archive))
    elif not archive.is_file():
        raise typer.BadParameter(f"{model}: neither a folder, a model.tar.gz nor an s3:// address", param_hint="--model")
    artifact.unpack(archive, scratch / "model")
    return scratch / "model"
