"""The members of the ensemble: one forecasting method per file behind one protocol (`base.Member`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from housing.errors import SettingsError
from housing.members.base import Member

BASELINES: tuple[str, ...] = ("naive", "drift", "momentum")


def _factory(module: str, kind: str) -> Callable[[], type[Any]]:
    """The class `kind` of `housing.members.module`, imported when it is first asked for."""

    def load() -> type[Any]:
        found: type[Any] = getattr(import_module(f"housing.members.{module}"), kind)
        return found

    return load


MEMBERS: Mapping[str, Callable[[], type[Any]]] = {
    "naive": _factory("naive", "Naive"),
    "drift": _factory("drift", "Drift"),
    "momentum": _factory("momentum", "Momentum"),
    "linear": _factory("linear", "Linear"),
    "xgboost": _factory("xgb", "XGBoost"),
    "catboost": _factory("cat", "CatBoost"),
    "neural": _factory("neural", "Neural"),
    "statistical": _factory("statistical", "Statistical"),
    "trend": _factory("trend", "DampedTrend"),
}
"""Name -> a function that returns the member's class; its library (xgboost, torch...) is imported on that call."""


def member_class(name: str) -> type[Any]:
    """The class behind a name; SettingsError names the members that exist."""
    if name not in MEMBERS:
        raise SettingsError(f"member {name!r}: unknown; there are {', '.join(MEMBERS)}")
    return MEMBERS[name]()


def make_member(name: str, seed: int = 0, **hyperparameters: Any) -> Member:
    """A member that is not fitted yet; SettingsError on an unknown name or hyperparameter."""
    kind = member_class(name)
    try:
        member: Member = kind(seed=seed, **hyperparameters)
    except TypeError as error:
        raise SettingsError(f"member {name}: {error}; see the member's constructor") from error
    return member


def load_member(name: str, folder: Path) -> Member:
    """A fitted member from the files that its `save` wrote."""
    member: Member = member_class(name).load(folder)
    return member
