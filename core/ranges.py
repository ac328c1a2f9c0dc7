"""Named ranges that end now: the last day by the hour, longer ones by whole days of the reporting zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

Day = date | datetime

DAY = "24h"
DAYS: Mapping[str, int] = MappingProxyType({"7d": 7, "30d": 30, "90d": 90, "12m": 365})
"""Whole days of each range, today included."""
NAMES = (DAY, *DAYS)


def months(now: datetime, zone: ZoneInfo, count: int) -> list[str]:
    """The running calendar month of the zone and those before it, newest first, as `YYYY-MM`."""
    month = now.astimezone(zone).date().replace(day=1)
    named = []
    for _ in range(count):
        named.append(f"{month:%Y-%m}")
        month = (month - timedelta(days=1)).replace(day=1)
    return named


def last(name: str, now: datetime, zone: ZoneInfo) -> tuple[Day, Day]:
    """Start and end as reports take them: instants for `24h`, whose last hour is the running one, else dates.

    Raises KeyError for a range there is not.
    """
    if name == DAY:
        end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return end - timedelta(hours=24), end
    today = now.astimezone(zone).date()
    return today - timedelta(days=DAYS[name] - 1), today
