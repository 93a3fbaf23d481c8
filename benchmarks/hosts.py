"""One, two and four hosts: what each does, and what they say to each other.

`python -m benchmarks.hosts`: the Train step of a member with its origins dealt to 1, 2 and 4 hosts of an emulator. Counted are CPU
seconds, which depend little on how busy the machine is, and the collective calls and bytes: of the busiest host against one host that
does all.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from benchmarks.record import recording
from benchmarks.train_jobs import prepared, train_jobs

HOSTS = (1, 2, 4)
MEMBER = {"members": "xgboost", "seed": "1", "rounds": "30", "rows": "4000"}
_CPU = re.compile(r"([0-9.]+) CPU seconds")
_SENT = re.compile(r"(\d+) collective calls, (\d+) bytes sent")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, train_jobs(Path(folder)) as jobs, recording("hosts") as record:
        jobs.upload(prepared(Path(folder) / "data", regions=30, periods=120, scored=6))
        alone, first = 0.0, b""
        for hosts in HOSTS:
            jobs.start(f"hosts-{hosts}", MEMBER, hosts=hosts, checkpoints=f"hosts-{hosts}")
            done = jobs.finish(f"hosts-{hosts}")
            assert done.files, done.described.get("FailureReason", "")
            each = [float(seconds) for seconds in _CPU.findall(done.log)]
            sent = [(int(calls), int(count)) for calls, count in _SENT.findall(done.log)]
            alone, first = alone or sum(each), first or done.files["backtest.npz"]
            assert done.files["backtest.npz"] == first
            note = f"{hosts} hosts; one host {alone:.1f} s; the same bytes"
            record.add(f"CPU of the busiest of {hosts} hosts, one = 1", max(each), alone, "s", note)
            record.add(f"CPU of all {hosts} hosts, one = 1", sum(each), alone, "s", note)
            record.add(f"collective calls of one of {hosts} hosts", max((calls for calls, _ in sent), default=0), 1, "calls", note)
            record.add(f"bytes sent by one of {hosts} hosts", max((count for _, count in sent), default=0), 1, "bytes", note)


if __name__ == "__main__":
    main()
