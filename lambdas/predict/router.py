"""Walk down the routing table until somebody answers, within the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lambdas.predict.breaker import Breaker
from lambdas.predict.shape import Shape
from lambdas.predict.table import Row
from lambdas.predict.targets import Fault, Target, TargetError
from lambdas.shared.errors import ApiError
from lambdas.shared.http import Answer, Call

LEAST_SECONDS = 0.2
"""With less time than this nobody is asked any more."""


@dataclass
class Journey:
    """What happened on the way: the route that answered ("none" until one has), the targets that failed and why, the breakers that opened,
    and notes for the log."""

    route: str = "none"
    stale: bool = False
    failures: list[tuple[str, TargetError]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def degraded(self) -> bool:
        """Did another than the intended target answer, or an old copy?"""
        return self.route != "none" and (self.stale or bool(self.failures))


class Router:
    """The table, the targets, and the state of their breakers. For one request at a time, as Lambda has it."""

    def __init__(self, table: Sequence[Row], targets: Mapping[str, Target], clock: Callable[[], float] = time.monotonic) -> None:
        self._table = [row for row in table if row.route in targets]
        self._targets, self._clock = targets, clock
        self._breakers = {name: Breaker() for name in targets}

    def fits(self, shape: Shape) -> bool:
        """Is there a row for requests of this size? If not it is too large to be answered while its caller waits."""
        return any(row.fits(shape) for row in self._table if row.route != "precomputed" and not row.only_after_failure)

    def route(self, call: Call, shape: Shape, until: float, journey: Journey) -> Answer | None:
        """The first answer, None when no row takes the request; `journey` learns what happened on the way.

        Errors: ApiError when nobody answered before `until` (a time of the router's clock).
        """
        tried: set[str] = set()
        for row in self._table:
            if row.route in tried or not row.takes(shape) or (row.only_after_failure and not journey.failures):
                continue
            left = until - self._clock()
            if left < LEAST_SECONDS:
                journey.failures.append((row.route, TargetError("timeout", "no time was left for it")))
                break
            tried.add(row.route)
            answer = self._ask(row, call, shape, min(row.seconds, left), journey)
            if answer is not None:
                journey.route = row.route
                return answer
        if not journey.failures:
            return None
        raise _refusal(journey)

    def _ask(self, row: Row, call: Call, shape: Shape, seconds: float, journey: Journey) -> Answer | None:
        breaker = self._breakers[row.route]
        waits = breaker.seconds_open(self._clock())
        if waits:
            journey.failures.append((row.route, TargetError("open", "its breaker is open", max(1, round(waits)))))
            return None
        try:
            outcome = self._targets[row.route].ask(call, shape, seconds)
        except TargetError as error:
            journey.failures.append((row.route, error))
            if error.fault != "throttled" and breaker.failed(self._clock(), error.fault == "absent"):
                journey.opened.append(row.route)
            return None
        breaker.answered()
        if outcome.note:
            journey.notes.append(outcome.note)
        journey.stale = outcome.stale
        return outcome.answer


def _refusal(journey: Journey) -> ApiError:
    """What the caller is told when nobody answered: the failure that is over soonest, a model's own words before ours."""
    failures = [error for _, error in journey.failures]
    soonest = min(error.retry_after_seconds for error in failures)
    faults = {error.fault for error in failures}
    own = next((error for error in failures if error.answer is not None), None)
    if own is not None and own.answer is not None and "throttled" not in faults:
        return ApiError(503 if own.fault == "unavailable" else 502, "model_error", own.reason, soonest, own.answer.body)
    status, code, message = next(told for fault, told in _REFUSALS.items() if fault in faults)
    return ApiError(status, code, message, soonest)


_REFUSALS: Mapping[Fault, tuple[int, str, str]] = {
    "throttled": (429, "throttled", "too many requests; try again shortly"),
    "timeout": (504, "timeout", "no answer in time; send fewer series at once, or try again"),
    "unavailable": (503, "unavailable", "no endpoint answers; try again shortly"),
    "open": (503, "unavailable", "no endpoint answers; try again shortly"),
    "absent": (503, "no_endpoint", "the endpoint does not exist or is not in service"),
    "failed": (502, "upstream", "the model could not be asked; the log of housing-predict says why"),
}
"""What is told of a fault; of several, the first here."""
