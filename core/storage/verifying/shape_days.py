"""Days of query shapes against the hours that they are made of (which are compared with raw rows themselves)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import psycopg

from core.storage.shape_days import Costs, hours_of, together
from core.storage.verifying.difference import Difference, day_of, difference, kept_from

KEYS = 3
MADE = """
    SELECT day FROM shape_day_made made
    WHERE day >= %s AND day < %s
      AND seen = (SELECT sum(c.seen) FROM shape_hour_counted c WHERE (c.bucket AT TIME ZONE 'UTC')::date = made.day)
    ORDER BY day"""
STORED = f"SELECT {', '.join(Costs._fields)} FROM shape_day WHERE day = %s"


def days_of_shapes(connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int) -> list[Difference]:
    """Those that do not wait to be made anew, and whose hours are kept."""
    lower = kept_from(connection, day_of(start), "shape_hour_from")
    found: list[Difference] = []
    for (day,) in connection.execute(MADE.encode(), [lower.date(), end.date()]).fetchall():
        if len(found) < limit:
            found += _compared(connection, day)
    return found[:limit]


def _compared(connection: psycopg.Connection[Any], day: date) -> list[Difference]:
    stored = {row[:KEYS]: row for row in connection.execute(STORED.encode(), [day]).fetchall()}
    made = {row[:KEYS]: row for row in together(hours_of(connection, day))}
    nothing = (None,) * len(Costs._fields)
    pairs = [(key, stored.get(key, nothing), made.get(key, nothing)) for key in sorted(stored.keys() | made.keys())]
    measures = Costs._fields[KEYS:]
    return [
        difference("shape_day", (day, *key), measures, had[KEYS:], due[KEYS:])
        for key, had, due in pairs
        if tuple(had) != tuple(due)
    ]
