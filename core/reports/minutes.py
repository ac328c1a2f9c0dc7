"""From when on sums by the minute are there: retention may have removed older ones, while hours and days stay."""

from __future__ import annotations

from datetime import datetime

from core.periods import Period
from core.reports.query import Read


def kept_minutes(read: Read, table: str, period: Period, what: str) -> tuple[datetime, list[str]]:
    """Where the minutes of a period begin, and what to say of `what` when that is later than the period."""
    start = max(period.start, read.mark(f"{table}_from") or period.start)
    if start == period.start:
        return start, []
    since = f"{start.astimezone(period.zone):%Y-%m-%d %H:%M}"
    return start, [f"Sums by the minute are kept from {since} on: {what} are those since then."]
