"""Measurements against rivals and physical limits, in one run, as JSON lines. `python -m benchmarks` runs them all."""
