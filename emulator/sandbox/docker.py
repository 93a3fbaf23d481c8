"""The image itself, run by the `docker` command: its own libraries and user, `/opt/ml` as a volume, the host's network.

The host's network, because the emulator answers on the loopback address only, and so do the hosts of a job among each other. A container
carries the run's mark as a label, by which whatever is left of it is removed.
"""

import os
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import ImageError
from emulator.processes import Command, Processes
from emulator.sandbox.container import ROOT, Container, SandboxError, address

if TYPE_CHECKING:
    from emulator.context import Context

_ASK_SECONDS = 20


def check() -> None:
    """Ask the Docker daemon for its version.

    Raises
    ------
    SandboxError
        Where there is no `docker` command, its daemon does not answer, or EMULATOR_DOCKER_OPTIONS can't be read.
    """
    _options()
    try:
        subprocess.run(_docker("version"), check=True, capture_output=True, timeout=_ASK_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
        raise SandboxError(
            f"EMULATOR_SANDBOX=docker: Docker does not answer ({said[-1] if said else error}): start it, or use process"
        ) from error


def image_id(image: str) -> str:
    """The id of an image that is here: it changes with what is in it.

    Raises
    ------
    ImageError
        When Docker doesn't have it: nothing is pulled unasked.
    """
    words = _docker("image", "inspect", "--format", "{{.Id}}", image)
    asked = subprocess.run(words, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False)
    if asked.returncode:
        raise ImageError(f"images: Docker has no image {image!r}: build it, or pull it, and start again")
    return asked.stdout.strip()


def command(context: "Context", container: Container) -> Command:
    """`docker run` with everything that the contract promises a container; what removes it goes along.

    Raises
    ------
    ImageError
        When Docker doesn't have the image.
    """
    name = f"emulator-{secrets.token_hex(6)}"
    image_id(container.image)
    env = context.environment() | dict(container.env) | {"SAGEMAKER_BASE_DIR": str(ROOT)}
    options = [
        *("--rm", "--name", name, "--label", context.part(Processes).mark, "--pull", "never"),
        *("--network", "none" if container.isolated and len(container.hosts) == 1 else "host"),
        *_user(),
        *("--volume", f"{container.root}:{ROOT}"),
        *_repeated("--add-host", [f"{host}:{address(number)}" for number, host in enumerate(container.hosts)]),
        *_repeated("--env", [f"{key}={value}" for key, value in env.items()]),
        *_options(),
    ]
    words = list(container.words)
    if container.entrypoint and words:
        options += ["--entrypoint", words.pop(0)]
    run = _docker("run", *options, container.image, *words)
    return Command(run, dict(os.environ), Path("/"), container.log, removal=_docker("rm", "--force", "--volumes", name))


def _docker(*words: str) -> list[str]:
    return [shutil.which("docker") or "docker", *words]


def _options() -> list[str]:
    """More options for `docker run`, split as a shell splits them."""
    text = os.environ.get("EMULATOR_DOCKER_OPTIONS", "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SandboxError(f"EMULATOR_DOCKER_OPTIONS: {error}: {text!r}") from None


def _user() -> list[str]:
    """The image's own user where the emulator runs as root; else the emulator's, which must be able to remove what the job writes."""
    return [] if os.getuid() == 0 else ["--user", f"{os.getuid()}:{os.getgid()}"]


def _repeated(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]
