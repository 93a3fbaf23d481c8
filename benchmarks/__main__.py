"""Run every benchmark that is here, one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOT_BENCHMARKS = {"__init__", "__main__", "autogluon", "images", "local_mode", "record", "rivals", "train_jobs"}


def main() -> None:
    failed = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in NOT_BENCHMARKS:
            print(f"# {path.stem}", flush=True)
            if subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}"], check=False).returncode:
                failed.append(path.stem)
    if failed:
        sys.exit(f"benchmarks: {', '.join(failed)} did not finish")


if __name__ == "__main__":
    main()
