"""The types of columns, for typed faces of reports: from the unit, else from what the name always means."""

from __future__ import annotations

from typing import Literal

from core.reports.declaration import Column

ColumnType = Literal["text", "integer", "number", "boolean", "instant"]

COUNTED = {"events", "messages", "clients", "bytes", "minor units"}
"""Units of whole things. Of connections, seconds and hours there are means, so these are numbers."""

INSTANTS = {
    "timestamp", "cohort", "first_seen", "last_seen", "previous_start", "previous_end", "closed_at", "made_at",
    "peak_at", "busiest_at",
}  # fmt: skip
INTEGERS = {"rank", "kind", "weekday", "hour", "period", "period_id", "number", "decimals", "total"}
NUMBERS = {
    "share", "change", "change_new", "growth", "error_rate", "current", "previous", "delivery_share", "wire_ratio",
    "wire_ratio_in", "wire_ratio_out",
}  # fmt: skip
BOOLEANS = {"manual"}


def type_of(column: Column) -> ColumnType:
    """The type of a column's values, each of which may also be missing. A column without a unit is text, unless named
    in the sets above; a test holds every report to it."""
    if column.unit is not None:
        return "integer" if column.unit in COUNTED else "number"
    if column.name in INSTANTS:
        return "instant"
    if column.name in INTEGERS:
        return "integer"
    if column.name in NUMBERS:
        return "number"
    return "boolean" if column.name in BOOLEANS else "text"
