"""Schedule expressions: rate(...), cron(...) and at(...), and when they are due next."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from emulator.errors import invalid

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_LAST_YEAR = 2199

Next = Callable[[datetime], datetime | None]


def next_time(expression: str, created: datetime, timezone: str = "UTC") -> Next:
    """A function from a time to the next time after it at which the expression is due; None is never.

    Raises
    ------
    ApiError
        A ValidationException when the expression or the time zone is not valid.
    """
    zone = _zone(timezone)
    if found := _RATE.fullmatch(expression):
        count, unit, plural = int(found[1]), found[2], found[3]
        if count and (count == 1) != bool(plural):
            return _rate(count * _UNITS[unit], created)
    if found := _AT.fullmatch(expression):
        once = datetime.fromisoformat(found[1]).replace(tzinfo=zone).astimezone(UTC)
        return lambda after: once if once > after else None
    if found := _CRON.fullmatch(expression):
        try:
            return _Cron.of(found.groups(), zone).after
        except ValueError:
            pass
    raise invalid(f"Invalid Schedule Expression {expression}.")


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise invalid(f"Invalid ScheduleExpressionTimezone {name}.") from None


def _rate(step: timedelta, created: datetime) -> Next:
    return lambda after: created + step * max(1, (after - created) // step + 1)


@dataclass(frozen=True)
class _Cron:
    """Minutes, hours, days of the month, months, days of the week and years of AWS's six-field cron."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    day: Callable[[date], bool]
    zone: tzinfo

    @classmethod
    def of(cls, fields: Sequence[str], zone: tzinfo) -> _Cron:
        """The schedule of the six fields; ValueError when one is not valid."""
        minutes, hours, days, months, weekdays, years = fields
        if (days == "?") == (weekdays == "?"):
            raise ValueError("exactly one of day of month and day of week must be ?")
        day = _weekday(weekdays) if days == "?" else _day_of_month(days)
        return cls(
            minutes=_numbers(minutes, range(60)),
            hours=_numbers(hours, range(24)),
            months=_numbers(months, range(1, 13), _MONTHS),
            years=_numbers(years, range(1970, _LAST_YEAR + 1)),
            day=day,
            zone=zone,
        )

    def after(self, moment: datetime) -> datetime | None:
        """The first time of the schedule after a moment."""
        local = moment.astimezone(self.zone).replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
        day = local.date()
        while day.year <= max(self.years):
            if day.year not in self.years or day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self.day(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        found = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - local time of the zone, set below
                        if found >= local:
                            return found.replace(tzinfo=self.zone).astimezone(UTC)
            day += timedelta(days=1)
        return None


def _numbers(field: str, allowed: range, names: dict[str, int] | None = None) -> frozenset[int]:
    """The values of a field: `*`, `a`, `a-b`, `a/step`, `a-b/step`, and lists of these."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = allowed[0], allowed[-1]
        else:
            low, _, high = span.partition("-")
            first = _number(low, names)
            last = _number(high, names) if high else allowed[-1] if step else first
        values = range(first, last + 1, int(step) if step else 1)
        if not values or first not in allowed or last not in allowed:
            raise ValueError(part)
        found.update(values)
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text.upper()] if names and text.upper() in names else int(text)


def _day_of_month(field: str) -> Callable[[date], bool]:
    if field == "L":
        return lambda day: day.day == _length(day)
    if field.endswith("W"):
        wanted = int(field[:-1])
        return lambda day: day.day == _nearest_weekday(day, wanted)
    days = _numbers(field, range(1, 32))
    return lambda day: day.day in days


def _nearest_weekday(month: date, wanted: int) -> int:
    day = month.replace(day=min(wanted, _length(month)))
    shift = {5: -1, 6: 1}.get(day.weekday(), 0)
    moved = day + timedelta(days=shift)
    return moved.day if moved.month == day.month else (day - timedelta(days=2 * shift)).day


def _weekday(field: str) -> Callable[[date], bool]:
    if "#" in field:
        name, _, nth = field.partition("#")
        wanted, number = _number(name, _DAYS), int(nth)
        return lambda day: _aws_day(day) == wanted and (day.day - 1) // 7 + 1 == number
    if field.endswith("L") and field != "L":
        wanted_last = _number(field[:-1], _DAYS)
        return lambda day: _aws_day(day) == wanted_last and day.day + 7 > _length(day)
    days: Collection[int] = {7} if field == "L" else _numbers(field, range(1, 8), _DAYS)
    return lambda day: _aws_day(day) in days


def _aws_day(day: date) -> int:
    return (day.weekday() + 1) % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
