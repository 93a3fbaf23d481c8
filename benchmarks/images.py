"""How large images are, stage by stage, beside their ceilings: `python -m benchmarks.images [IMAGE ...]`, where Docker has them.

Ends with status 1 when one is larger than it may be. Sizes are those of unpacked layers, as `docker history` tells them.
"""

from __future__ import annotations

import re
import subprocess
import sys

from benchmarks.record import Recorder, recording

GB = 10**9
CEILINGS_GB = {"base": 5.0, "ml": 12.0, "final": 8.0}
"""Of the seed's sizes 5, 12 and 12.5 the last is held to 8: no weights are in these images."""

CPU_CEILING_GB = 2.4
"""Of the image that serves on CPUs: it must start on small machines and in serverless endpoints."""

_STAGES = (("app", re.compile(r"COPY /app/")), ("ml", re.compile(r"install-locked|/opt/locks|/opt/weights")))


def stages(image: str) -> dict[str, int]:
    """Bytes that each stage adds to an image.

    Raises
    ------
    subprocess.CalledProcessError
        When Docker does not answer or has no such image.
    """
    command = ["docker", "history", "--no-trunc", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", image]
    sizes = {"base": 0, "ml": 0, "app": 0}
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        size, _, created_by = line.partition("\t")
        stage = next((name for name, pattern in _STAGES if pattern.search(created_by)), "base")
        sizes[stage] += int(size)
    return sizes


def measure(image: str, recorder: Recorder) -> bool:
    """Record an image; whether it is within its ceilings."""
    sizes = stages(image)
    name, final = image.partition(":")[2], sum(sizes.values())
    reached = {"base": sizes["base"], "ml": sizes["base"] + sizes["ml"], "final": final}
    ceilings = CEILINGS_GB | ({"final": CPU_CEILING_GB} if name.startswith("serve-cpu") else {})
    for stage, size in reached.items():
        recorder.add(
            f"image.{name}.{stage}",
            size / GB,
            ceilings[stage],
            "GB up to this stage; rival the ceiling",
            f"app {sizes['app'] / 1e6:.1f} MB",
        )
    return all(size <= ceilings[stage] * GB for stage, size in reached.items())


def main() -> None:
    images = sys.argv[1:] or [f"housing-crisis-ml:{target}" for target in ("train", "serve", "serve-cpu")]
    try:
        with recording("images") as recorder:
            within = [measure(image, recorder) for image in images]
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"images: {getattr(error, 'stderr', '') or error}".strip())
    sys.exit(not all(within))


if __name__ == "__main__":
    main()
