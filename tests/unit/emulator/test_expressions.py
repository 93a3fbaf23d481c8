"""Schedule expressions, by EventBridge's documented examples."""

from datetime import UTC, datetime

import pytest

from emulator.errors import ApiError
from emulator.events.expressions import next_time

START = datetime(2026, 11, 23, 18, 7, 30, tzinfo=UTC)  # a Monday


def _dues(expression: str, count: int = 3, timezone: str = "UTC") -> list[str]:
    due, moment, found = next_time(expression, START, timezone), START, []
    for _ in range(count):
        upcoming = due(moment)
        if upcoming is None:
            break
        found.append(upcoming.strftime("%Y-%m-%d %H:%M:%S"))
        moment = upcoming
    return found


@pytest.mark.parametrize(
    ("expression", "dues"),
    [
        ("rate(1 minute)", ["2026-11-23 18:08:30", "2026-11-23 18:09:30", "2026-11-23 18:10:30"]),
        ("rate(12 hours)", ["2026-11-24 06:07:30", "2026-11-24 18:07:30", "2026-11-25 06:07:30"]),
        ("at(2026-11-24T08:00:00)", ["2026-11-24 08:00:00"]),
        ("at(2020-01-01T00:00:00)", []),
        ("cron(0 10 * * ? *)", ["2026-11-24 10:00:00", "2026-11-25 10:00:00", "2026-11-26 10:00:00"]),
        ("cron(15 12 ? * MON-FRI *)", ["2026-11-24 12:15:00", "2026-11-25 12:15:00", "2026-11-26 12:15:00"]),
        ("cron(0 18 ? * SUN *)", ["2026-11-29 18:00:00", "2026-12-06 18:00:00", "2026-12-13 18:00:00"]),
        ("cron(0 8 1 * ? *)", ["2026-12-01 08:00:00", "2027-01-01 08:00:00", "2027-02-01 08:00:00"]),
        ("cron(0/15 * * * ? *)", ["2026-11-23 18:15:00", "2026-11-23 18:30:00", "2026-11-23 18:45:00"]),
        ("cron(0 9 L * ? *)", ["2026-11-30 09:00:00", "2026-12-31 09:00:00", "2027-01-31 09:00:00"]),
        ("cron(0 9 ? * 2#1 *)", ["2026-12-07 09:00:00", "2027-01-04 09:00:00", "2027-02-01 09:00:00"]),
        ("cron(0 9 ? * 6L *)", ["2026-11-27 09:00:00", "2026-12-25 09:00:00", "2027-01-29 09:00:00"]),
        ("cron(0 9 15W * ? *)", ["2026-12-15 09:00:00", "2027-01-15 09:00:00", "2027-02-15 09:00:00"]),
        ("cron(0 0 1 JAN ? 2027-2028)", ["2027-01-01 00:00:00", "2028-01-01 00:00:00"]),
        ("cron(30 8,20 * * ? *)", ["2026-11-23 20:30:00", "2026-11-24 08:30:00", "2026-11-24 20:30:00"]),
    ],
)
def test_when_an_expression_is_due(expression, dues):
    assert _dues(expression) == dues


def test_a_cron_is_in_its_own_time_zone():
    assert _dues("cron(0 10 * * ? *)", 1, "America/Chicago") == ["2026-11-24 16:00:00"]


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(0 minutes)",
        "cron(0 10 * * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 1 * * ? *)",
        "at(soon)",
        "",
    ],
)
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(ApiError, match="Invalid Schedule Expression"):
        next_time(expression, START)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(ApiError, match="Mars/Olympus"):
        next_time("cron(0 10 * * ? *)", START, "Mars/Olympus")
