"""Numbers, times and names in documents, by the units of columns and the rules of `core.formats`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core import formats, kinds
from core.reports.declaration import Column, Meta
from core.tariffs.currencies import amount

TITLES = {
    "client_id": "Client", "events_out": "Stored events sent", "bytes_in": "In", "bytes_out": "Out",
    "bytes_total": "In and out", "bytes": "In and out", "mean": "On average", "mean_total": "On average",
    "event_type": "Type", "error_code": "Error", "known_before": "Known before", "p50_ms": "P50", "p95_ms": "P95",
    "p99_ms": "P99", "active_connections": "Connections, mean", "peak_connections": "Connections, peak",
    "p50_seconds": "Session, median", "cpu_percent_max": "CPU, peak", "memory_percent_max": "Memory, peak",
    "cpu_percent": "CPU", "memory_percent": "Memory", "reqs": "REQs", "accepted": "Events accepted",
    "delivered": "Events sent", "made_at": "Made", "timestamp": "Time", "number": "No.", "rank": "#", "cost": "Cost",
}  # fmt: skip
BUCKETS = {"day": "Day", "week": "Week of", "month": "Month", "hour": "Hour"}
PARTS = {"share", "error_rate", "retained", "delivery_share"}
CHANGES = {"change", "growth", "change_new"}
ZONED = "%-d %b %Y %H:%M"
MOMENT = {"hour": "%-d %b %H:%M", "day": "%a %-d %b", "week": "%-d %b %Y", "month": "%B %Y"}
LONGEST = 24
"""Characters of a client or a reason that a cell shows whole."""

BY_UNIT: Mapping[str, Callable[[float | None], str]] = {
    "ms": formats.milliseconds,
    "bytes": formats.size,
    "percent": formats.percent,
    "bit/s": formats.bit_rate,
    "seconds": formats.duration,
    "per second": formats.rate,
    "bytes per second": formats.size,
}


@dataclass(frozen=True)
class Words:
    """How cells of one table are written. `bucket`: how long a row of it lasts; `currency`: None without prices."""

    meta: Meta
    bucket: str | None
    currency: str | None = None

    def title(self, column: Column) -> str:
        """The head of a column."""
        if column.name == "timestamp":
            return BUCKETS.get(self.bucket or "", "Time")
        return TITLES.get(column.name) or column.name.removesuffix("_ms").replace("_", " ").capitalize()

    def cell(self, column: Column, value: Any) -> str:
        """A value as people read it; what is missing is a dash."""
        if value is None or value != value:
            return formats.MISSING
        if isinstance(value, datetime):
            return self._moment(column, value)
        if column.unit == "minor units":
            return formats.MISSING if self.currency is None else amount(int(value), self.currency)
        if column.unit is not None and column.unit in BY_UNIT:
            return BY_UNIT[column.unit](value)
        if column.name in PARTS:
            return formats.share(value)
        if column.name in CHANGES:
            return formats.relative(value) or formats.MISSING
        if column.name == "kind":
            return kinds.label(int(value))
        if isinstance(value, str):
            return value if len(value) <= LONGEST else f"{value[:12]}…{value[-8:]}"
        return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"

    def _moment(self, column: Column, value: datetime) -> str:
        local = value.astimezone(self.meta.start.tzinfo)
        if column.name == "timestamp" and self.bucket is not None:
            return local.strftime(MOMENT[self.bucket])
        return local.strftime(ZONED)


def days_in_words(meta: Meta) -> str:
    """`February 2026`, `1 to 7 February 2026`, `28 Feb 2026`: the days a result covers, both included."""
    first, last = meta.start.date(), (meta.end - timedelta(microseconds=1)).date()
    if first == last:
        return f"{first:%A, %-d %B %Y}"
    following = last + timedelta(days=1)
    if first.day == 1 and following.day == 1 and (first.year, first.month) == (last.year, last.month):
        return f"{first:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {last:%-d %B %Y}"
    if first.year == last.year:
        return f"{first:%-d %B} to {last:%-d %B %Y}"
    return f"{first:%-d %B %Y} to {last:%-d %B %Y}"
