"""Where the hours of clients are gone, days of UTC are left: which moments can be told, and what a period becomes.

Retention may remove hours up to a midnight of UTC, which is kept under MARK. Days of other zones are put together from
days of UTC and the hours at their edges, so before that midnight they become the days of UTC of the same dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from core.exceptions import HoursGoneError
from core.periods import Period, day_start

MARK = "hours_from"
"""Name in `settings_store` of the moment from which on hours are kept."""
ZONE = ZoneInfo("UTC")


def told(edges: Iterable[datetime], kept_from: datetime | None) -> bool:
    """Whether what lies between any two of these is known: each is kept by the hour, or is a midnight of UTC."""
    return kept_from is None or all(edge >= kept_from or _midnight(edge, ZONE) for edge in edges)


def check(edges: Iterable[datetime], kept_from: datetime | None) -> None:
    """Raises HoursGoneError where one of them splits a day of which no hours are kept."""
    if kept_from is not None and not told(edges, kept_from):
        raise _gone(kept_from)


def in_days(period: Period, kept_from: datetime) -> Period:
    """The same dates as days of UTC. Raises HoursGoneError for a period by the hour, or an edge within a day."""
    start, end = (utc_day(at, period.zone) if _midnight(at, period.zone) else at for at in (period.start, period.end))
    if end <= start:
        raise _gone(kept_from)
    changed = replace(period, start=start, end=end, zone=ZONE)
    check(changed.edges, kept_from)
    return changed


def utc_day(at: datetime, zone: ZoneInfo) -> datetime:
    """Midnight of UTC of the date that an instant has in `zone`."""
    return day_start(at.astimezone(zone).date(), ZONE)


def _midnight(at: datetime, zone: ZoneInfo) -> bool:
    return at == day_start(at.astimezone(zone).date(), zone)


def _gone(kept_from: datetime) -> HoursGoneError:
    return HoursGoneError(
        f"Before {kept_from.astimezone(UTC):%Y-%m-%d} only days of UTC are kept; use a start and an end at midnight of "
        "UTC and granularity day, week or month, or a later start."
    )
