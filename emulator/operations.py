"""Which function answers which operation.

A module of a room (`control`, `endpoints`, `functions`, ...) registers its functions when it is imported; `start` imports every room.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import emulator
from emulator.errors import not_implemented

if TYPE_CHECKING:
    from emulator.context import Context

Request = dict[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Request, "Context"], Answer]
StartHook = Callable[["Context"], None]

ROOMS = ("control", "endpoints", "functions", "events", "cloudformation")
_handlers: dict[tuple[str, str], Handler] = {}
_simulated: dict[tuple[str, str], str] = {}
_start_hooks: list[StartHook] = []


def operation(service: str, name: str, simulated: str = "") -> Callable[[Handler], Handler]:
    """Register the decorated function as the answer to `service:name`; `simulated` says what of its effect is only imitated."""

    def register(handler: Handler) -> Handler:
        if (service, name) in _handlers:
            raise ValueError(f"{service}:{name} is registered twice: {_handlers[service, name].__module__} and {handler.__module__}")
        _handlers[service, name] = handler
        if simulated:
            _simulated[service, name] = simulated
        return handler

    return register


def at_start(hook: StartHook) -> StartHook:
    """Register the decorated function to run when an emulator starts, for example to mark jobs that a crash interrupted."""
    _start_hooks.append(hook)
    return hook


def load() -> None:
    """Import every module of every room, so that their operations are registered."""
    present = {module.name for module in pkgutil.iter_modules(emulator.__path__) if module.ispkg}
    for room in (name for name in ROOMS if name in present):
        package = importlib.import_module(f"emulator.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"emulator.{room}."):
            importlib.import_module(module.name)


def start(context: "Context") -> None:
    """Load every operation and run the start hooks against `context`."""
    load()
    for hook in _start_hooks:
        hook(context)


def registered() -> list[tuple[str, str]]:
    """The (service, operation) pairs that are answered, sorted."""
    return sorted(_handlers)


def handler_of(service: str, name: str) -> Handler:
    """The function that answers `service:name`.

    Raises
    ------
    ApiError
        `NotImplemented` when no function is registered.
    """
    handler = _handlers.get((service, name))
    if handler is None:
        raise not_implemented(service, name)
    return handler


def simulated(service: str, name: str) -> str:
    """What of an operation's effect is only imitated; empty when nothing is."""
    return _simulated.get((service, name), "")
