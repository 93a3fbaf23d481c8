"""Docker, as the tests of the images use it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TRAIN, SERVE = "housing-crisis-ml:train-cpu", "housing-crisis-ml:serve-cpu"


def docker(*words: str, timeout_seconds: float = 120, check: bool = True) -> str:
    """What a docker command prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=timeout_seconds, check=False)
    assert not check or done.returncode == 0, done.stderr + done.stdout
    return done.stdout.strip()


def inspected(image: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return facts


def build(target: str, tag: str, options: Sequence[str] = ()) -> None:
    """Build a target as `make test-image` did, under another tag."""
    words = os.environ["TEST_IMAGE_BUILD"]
    env = {**os.environ, "IMAGE_TAG": tag}
    command = ["bash", "-c", f"{words} --target {target} " + " ".join(options)]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
