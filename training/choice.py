"""What a Train job is told to do by its hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from housing.errors import SettingsError
from housing.members import member_class

DISTRIBUTIONS = ("origins", "rows")
SHARED_FITS = ("xgboost", "neural")
"""Members whose fits can be shared out by rows."""


@dataclass(frozen=True)
class Choice:
    """Which members are trained, with what seed and hyperparameters, and what several hosts share: whole fits, or the rows of each."""

    members: tuple[str, ...]
    seed: int
    settings: Mapping[str, Mapping[str, object]]
    distribute: str = "origins"

    @classmethod
    def read(cls, hyperparameters: Mapping[str, str]) -> Choice:
        """From hyperparameters `members`, `seed`, `distribute` and the members' own: `NAME` for the only member, else `MEMBER.NAME`.

        Names that begin with an underscore are the service's own (a tuning job adds one).
        Errors: SettingsError names the hyperparameter.
        """
        members = tuple(name.strip() for name in hyperparameters.get("members", "").split(",") if name.strip())
        if not members or len(set(members)) != len(members):
            raise SettingsError("hyperparameter members: give the names of one or more members, separated by commas, each once")
        for name in members:
            member_class(name)
        try:
            seed = int(hyperparameters.get("seed", "0"))
        except ValueError as error:
            raise SettingsError(f"hyperparameter seed: {hyperparameters['seed']!r} is not a whole number") from error
        distribute = hyperparameters.get("distribute", "origins")
        if distribute not in DISTRIBUTIONS or (distribute == "rows" and (len(members) > 1 or members[0] not in SHARED_FITS)):
            raise SettingsError(
                f"hyperparameter distribute: {distribute!r}; give `origins`, or `rows` for one of {', '.join(SHARED_FITS)} alone"
            )
        settings: dict[str, dict[str, object]] = {name: {} for name in members}
        for name in sorted(hyperparameters.keys() - {"members", "seed", "distribute"}):
            if name.startswith("_"):
                continue
            member, _, own = name.rpartition(".")
            if (member or members[0]) not in settings or (not member and len(members) > 1):
                raise SettingsError(f"hyperparameter {name}: write it as MEMBER.NAME with a member of {', '.join(members)}")
            settings[member or members[0]][own] = _value(hyperparameters[name])
        return cls(members, seed, settings, distribute)


def _value(text: str) -> object:
    """A hyperparameter's text as the JSON value it spells, else as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
