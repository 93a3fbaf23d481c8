"""A small storm of random faults; `python -m benchmarks.chaos` is the large one."""

from __future__ import annotations

import pytest

from benchmarks import chaos


@pytest.mark.slow
def test_no_fault_loses_a_record_leaves_a_process_or_makes_a_status_wrong(tmp_path, monkeypatch):
    for name in ("EMULATOR_WAIT_SCALE", "EMULATOR_STOP_GRACE_SECONDS"):
        monkeypatch.setenv(name, "1")  # so that it is what it was afterwards
    storm = chaos.run(tmp_path, faults=24, seed=11, restart_share=0.12)
    assert sum(storm.counts.values()) == 24
    assert storm.counts["crash"] > 0
