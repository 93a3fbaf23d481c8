"""A mount namespace in which the folder is at `/opt/ml` itself and `algo-1`, `algo-2`, ... are names of this computer."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.processes import Command
from emulator.sandbox.container import ROOT, Container, SandboxError, address

if TYPE_CHECKING:
    from emulator.context import Context

_UNSHARE = ("unshare", "--mount", "--propagation", "private")
_ENTER = 'mount --bind "$0" /opt/ml && mount --bind "$1" /etc/hosts && shift && exec "$@"'


def check() -> None:
    """Try a mount namespace.

    Raises
    ------
    SandboxError
        Where mount namespaces or `/opt/ml` are not permitted.
    """
    try:
        ROOT.mkdir(parents=True, exist_ok=True)
        subprocess.run([*_UNSHARE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SandboxError(f"EMULATOR_SANDBOX=mount is not permitted here ({error}): use process") from error


def command(context: "Context", container: Container) -> Command:
    """The command that enters the namespace and stands for the container there."""
    image = context.images.resolve(container.image)
    env = image.environment() | context.environment() | dict(container.env) | {"SAGEMAKER_BASE_DIR": str(ROOT)}
    names = "".join(f"{address(number)} {host}\n" for number, host in enumerate(container.hosts))
    hosts = container.root.parent / "hosts"
    hosts.write_text(Path("/etc/hosts").read_text() + names)
    enter = [*_UNSHARE, "sh", "-c", _ENTER, str(container.root), str(hosts)]
    return Command([*enter, *image.command(container.words)], env, image.folder, container.log)
