"""Arguments of a processing job: `--name value`, positive numbers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from housing.errors import SettingsError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"arguments: {message}; usage: {' '.join(self.format_usage().split()[1:])}")


def positive_integers(argv: Sequence[str], **defaults: int | None) -> dict[str, int | None]:
    """The values of `--NAME` for each of `defaults`; SettingsError on an unknown name or a value that is not 1 or more."""
    parser = _Parser(prog="python -m training.jobs.NAME", add_help=False, allow_abbrev=False)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    values: dict[str, int | None] = vars(parser.parse_args(argv))
    for name, value in values.items():
        if value is not None and value < 1:
            raise SettingsError(f"--{name}: {value} is not 1 or more")
    return values


def positive_numbers(argv: Sequence[str], **defaults: float) -> dict[str, float]:
    """The values of `--NAME` (dashes for underscores) for each of `defaults`; SettingsError as `positive_integers`."""
    parser = _Parser(prog="python -m training.jobs.NAME", add_help=False, allow_abbrev=False)
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=default)
    values: dict[str, float] = vars(parser.parse_args(argv))
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise SettingsError(f"--{name.replace('_', '-')}: {value} is not a positive number")
    return values
