"""Billing periods: half-open, whole hours, in a stated zone; and how many calendar months one covers."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from core.exceptions import BadParameterError
from core.periods import Period, day_start, resolve, zone_of
from core.zones import whole_hour_zone

Day = str | date | datetime
MONTH = re.compile(r"(\d{4})-(\d{2})")
HOUR = timedelta(hours=1)


def billing_period(start: Day | None, end: Day | None, month: str | None, time_zone: str) -> Period:
    """The period of a month `YYYY-MM`, or from `start` to `end` (as in reports: a date as `end` is included).

    Raises BadParameterError when neither or both are given, and for what is no month, no period or not whole hours.
    """
    if (month is None) == (start is None) or (start is None) != (end is None):
        raise BadParameterError('give either month="2026-03", or both start and end.')
    if month is not None:
        start, end = days_of(month)
    assert start is not None  # noqa: S101 (for the type checker: seen above)
    assert end is not None  # noqa: S101
    period = resolve(start, end, zone=time_zone, granularity="month")
    for edge in (period.start, period.end):
        if edge.astimezone(UTC).replace(minute=0, second=0, microsecond=0) != edge:
            near = whole_hour_zone(period.zone, edge)
            raise BadParameterError(
                f"{edge.astimezone(period.zone).isoformat()} is not on a whole hour of UTC, by which usage is kept; "
                f"use {f'the time zone {near[0]}' if near else 'a start and an end on one'}."
            )
    return period


def days_of(month: str) -> tuple[date, date]:
    """The first and the last day of a month `YYYY-MM`. Raises BadParameterError for what is none."""
    match = MONTH.fullmatch(month)
    if match is None or not 1 <= int(match[2]) <= 12 or not 1 <= int(match[1]) <= 9998:
        raise BadParameterError(f"month {month!r} is no month; use YYYY-MM, such as 2026-03.")
    first = date(int(match[1]), int(match[2]), 1)
    return first, _next_month(first) - timedelta(days=1)


def months(start: datetime, end: datetime, zone: ZoneInfo) -> Fraction:
    """How many calendar months of the zone [start, end) covers: exactly 1 for a month, also when clocks change in it;
    of a month partly covered the part of its hours."""
    total = Fraction(0)
    first = start.astimezone(zone).date().replace(day=1)
    while (begin := day_start(first, zone)) < end:
        first = _next_month(first)
        finish = day_start(first, zone)
        covered = max(min(finish, end) - max(begin, start), timedelta(0))
        total += Fraction(covered // HOUR, (finish - begin) // HOUR)
    return total


def months_of(period: Period) -> Fraction:
    return months(period.start, period.end, period.zone)


def period_between(start: datetime, end: datetime, time_zone: str) -> Period:
    """The period of instants that were a billing period before."""
    return Period(start.astimezone(UTC), end.astimezone(UTC), zone_of(time_zone), "month")


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
