"""How much faster than the service the auto scaler lives: what tests turn up."""

from __future__ import annotations

import os

from emulator.errors import EmulatorError


def scaling_speed() -> float:
    """EMULATOR_SCALING_SPEED, 1 unless set: at 60 a period or cooldown of a minute takes a second; rates stay those of real time.

    Raises
    ------
    EmulatorError
        When it is no number above 0.
    """
    text = os.environ.get("EMULATOR_SCALING_SPEED") or "1"
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise EmulatorError(f"EMULATOR_SCALING_SPEED must be a number above 0, not {text!r}")
    return speed
