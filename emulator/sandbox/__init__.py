"""How a job's command is kept to files of its own: `process`, the default, `mount`, where the system permits it, or `docker`.

Each is a module with `check()` and `command(context, container)`.
"""

from types import ModuleType
from typing import TYPE_CHECKING

from emulator.operations import at_start
from emulator.processes import Command
from emulator.sandbox import docker, mount, process
from emulator.sandbox.container import Container, SandboxError, address

if TYPE_CHECKING:
    from emulator.context import Context

__all__ = ["Container", "SandboxError", "check_sandbox", "command_of", "host_names", "image_digest", "needs_entrypoint", "require_image"]
_KINDS: dict[str, ModuleType] = {"process": process, "mount": mount, "docker": docker}


@at_start
def check_sandbox(context: "Context") -> None:
    """Refuse to start with a sandbox that can't be had.

    Raises
    ------
    SandboxError
        For one that doesn't exist, and for one that is not permitted, or not installed, here.
    """
    if context.sandbox not in _KINDS:
        raise SandboxError(f"EMULATOR_SANDBOX must be {', '.join(_KINDS)}, not {context.sandbox!r}")
    _KINDS[context.sandbox].check()


def command_of(context: "Context", container: Container) -> Command:
    """The command that stands for a container.

    Raises
    ------
    ImageError
        When the image is unknown or has no such program.
    """
    found: Command = _KINDS[context.sandbox].command(context, container)
    return found


def require_image(context: "Context", image: str) -> None:
    """Refuse an image that can't be run, before anything is done for it.

    Raises
    ------
    ImageError
        When it is unknown.
    """
    if context.sandbox == "docker":
        docker.image_id(image)
    else:
        context.images.resolve(image)


def image_digest(context: "Context", image: str) -> str:
    """What an image's content is known by: Docker's id of it, or a hash of the files that stand for it.

    Raises
    ------
    ImageError
        When it is unknown.
    """
    return docker.image_id(image) if context.sandbox == "docker" else context.images.resolve(image).digest()


def needs_entrypoint(context: "Context") -> bool:
    """Whether a container must be told its program, because there is no image that has one."""
    return context.sandbox != "docker"


def host_names(context: "Context", count: int) -> list[str]:
    """What the hosts of a job are called: algo-1, ..., or their addresses where several can't be given names."""
    if count == 1 or context.sandbox != "process":
        return [f"algo-{number + 1}" for number in range(count)]
    return [address(number) for number in range(count)]
