"""How a job's command is kept to files of its own, as a container would keep it.

`process`, the default: the command finds its `/opt/ml` where `SAGEMAKER_BASE_DIR` says. `mount`, where the system permits it: the command
runs in a mount namespace in which its folder is at `/opt/ml` itself and `algo-1`, `algo-2`, ... are names of this computer.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import EmulatorError
from emulator.operations import at_start
from emulator.processes import Command

if TYPE_CHECKING:
    from emulator.context import Context

_ROOT = Path("/opt/ml")
_UNSHARE = ("unshare", "--mount", "--propagation", "private")
_ENTER = 'mount --bind "$0" /opt/ml && mount --bind "$1" /etc/hosts && shift && exec "$@"'


class SandboxError(EmulatorError):
    """The sandbox that was asked for can't be had here."""


@dataclass(frozen=True)
class Container:
    """What runs: an image's program with its words, variables, its `/opt/ml`, the file of its output, and the hosts of its job."""

    image: str
    words: Sequence[str]
    env: Mapping[str, str]
    root: Path
    log: Path
    hosts: Sequence[str] = ("algo-1",)


@at_start
def check_sandbox(context: "Context") -> None:
    """Refuse to start with a sandbox that can't be had.

    Raises
    ------
    SandboxError
        For one that doesn't exist, and for `mount` where mount namespaces or `/opt/ml` are not permitted.
    """
    if context.sandbox not in ("process", "mount"):
        raise SandboxError(f"EMULATOR_SANDBOX must be process or mount, not {context.sandbox!r}")
    if context.sandbox == "process":
        return
    try:
        _ROOT.mkdir(parents=True, exist_ok=True)
        subprocess.run([*_UNSHARE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SandboxError(f"EMULATOR_SANDBOX=mount is not permitted here ({error}): use process") from error


def command_of(context: "Context", container: Container) -> Command:
    """The command that stands for a container.

    Raises
    ------
    ImageError
        When the image is unknown or has no such program.
    """
    image = context.images.resolve(container.image)
    env = image.environment() | context.environment() | dict(container.env)
    if context.sandbox != "mount":
        words = [_moved(word, container.root) for word in container.words]
        return Command(image.command(words), env | {"SAGEMAKER_BASE_DIR": str(container.root)}, image.folder, container.log)
    names = "".join(f"{address(number)} {host}\n" for number, host in enumerate(container.hosts))
    hosts = container.root.parent / "hosts"
    hosts.write_text(Path("/etc/hosts").read_text() + names)
    enter = [*_UNSHARE, "sh", "-c", _ENTER, str(container.root), str(hosts)]
    return Command([*enter, *image.command(container.words)], env | {"SAGEMAKER_BASE_DIR": str(_ROOT)}, image.folder, container.log)


def host_names(context: "Context", count: int) -> list[str]:
    """What the hosts of a job are called: algo-1, ..., or their addresses where several can't be given names."""
    if count == 1 or context.sandbox == "mount":
        return [f"algo-{number + 1}" for number in range(count)]
    return [address(number) for number in range(count)]


def address(number: int) -> str:
    """The loopback address of a job's host, counted from 0."""
    return f"127.0.0.{number + 1}"


def _moved(word: str, root: Path) -> str:
    return str(root / word[len("/opt/ml/") :]) if word.startswith("/opt/ml/") else word
