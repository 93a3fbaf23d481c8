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
    model: Annotated[Path, typer.Option(help="Folder of an unpacked artifact.", exists=True, file_okay=False)],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
) -> None:
    """Serve an artifact on this computer: GET /ping, POST /invocations."""
    from inference.serve import main

    os.environ |= {"SM_MODEL_DIR": str(model), "SAGEMAKER_BIND_TO_PORT": str(port), "HOUSING_SERVE_HOST": host}
    typer.echo(f"http://{host}:{port}/ping; end with Ctrl-C", err=True)
    main()
