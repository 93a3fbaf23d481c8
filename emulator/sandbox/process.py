"""The default sandbox: a process of this computer that finds its `/opt/ml` where `SAGEMAKER_BASE_DIR` says."""

from pathlib import Path
from typing import TYPE_CHECKING

from emulator.processes import Command
from emulator.sandbox.container import Container

if TYPE_CHECKING:
    from emulator.context import Context


def check() -> None:
    """It can be had everywhere."""


def command(context: "Context", container: Container) -> Command:
    """The command that stands for a container; words that begin with `/opt/ml/` are moved to its folder."""
    image = context.images.resolve(container.image)
    env = image.environment() | context.environment() | dict(container.env) | {"SAGEMAKER_BASE_DIR": str(container.root)}
    words = [_moved(word, container.root) for word in container.words]
    return Command(image.command(words), env, image.folder, container.log)


def _moved(word: str, root: Path) -> str:
    return str(root / word[len("/opt/ml/") :]) if word.startswith("/opt/ml/") else word
