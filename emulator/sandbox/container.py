"""What is to run, in a container's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.errors import EmulatorError

ROOT = Path("/opt/ml")


class SandboxError(EmulatorError):
    """The sandbox that was asked for can't be had here."""


@dataclass(frozen=True)
class Container:
    """A container to run.

    Parameters
    ----------
    image
        The image's name.
    words
        What is passed to the image: its command, or, with `entrypoint`, the program in place of the image's own and its arguments.
    env
        Its variables; those that lead to the emulator are added.
    root
        The folder that is its `/opt/ml`.
    log
        The file of its output.
    hosts
        The hosts of its job, by the names under which they reach each other.
    entrypoint
        Whether the first word takes the place of the image's entrypoint.
    isolated
        Whether the job wants no network.
    """

    image: str
    words: Sequence[str]
    env: Mapping[str, str]
    root: Path
    log: Path
    hosts: Sequence[str] = ("algo-1",)
    entrypoint: bool = False
    isolated: bool = False


def address(number: int) -> str:
    """The loopback address of a job's host, counted from 0."""
    return f"127.0.0.{number + 1}"
