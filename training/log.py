"""The log of a job: plain lines on the standard output, one event each, which CloudWatch keeps."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
