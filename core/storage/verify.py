"""Whether the roll-ups equal a recount from the raw rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from core.storage import active_clients, latency_packs
from core.storage.connections import Database
from core.storage.fold import recall
from core.storage.rollups import ROLLUPS
from core.storage.verifying import connections, from_raw, from_rollups, kinds, shape_days
from core.storage.verifying.difference import DAY, Difference, day_of

__all__ = ["Difference", "verify"]

EVER = (datetime(1999, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC))


def verify(
    database: Database, *, start: datetime | None = None, end: datetime | None = None, limit: int = 1000
) -> list[Difference]:
    """Recount every roll-up from the raw rows of [start, end), widened to whole UTC days, in one snapshot.

    Leaves out what cannot be recounted because retention removed it. At most `limit` differences per roll-up.
    Raises DatabaseUnavailableError.
    """
    first, last = start or EVER[0], end or EVER[1]
    with database.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = []
        for rollup in ROLLUPS:
            lower, upper = _recountable(connection, rollup.name, first, last)
            if lower < upper:
                found += from_raw.rollup_rows(connection, rollup, lower, upper, limit)
                if rollup.sketch:
                    found += from_raw.client_latency(connection, rollup, lower, upper, limit)
        found += from_rollups.blocks(connection, limit)
        found += from_rollups.packs_of_clients(connection, limit)
        found += kinds.packs_of_kinds(connection, first, last, limit)
        found += from_rollups.hour_totals_of(connection, first, last, limit)
        for source in latency_packs.SOURCES.values():
            found += from_rollups.packs_of_latency(connection, source, first, last, limit)
        for table in active_clients.TABLES:
            found += from_rollups.active_bits(connection, table, first, last, limit)
        found += connections.hours(connection, first, last, limit)
        lower, upper = _recountable(connection, "shape_hour", first, last)
        found += from_raw.shapes(connection, lower, upper, limit)
        found += shape_days.days_of_shapes(connection, first, last, limit)
        return found + connections.minutes(connection, first, last, limit)


def _recountable(
    connection: psycopg.Connection[Any], name: str, first: datetime, last: datetime
) -> tuple[datetime, datetime]:
    """Whole days around [first, last) that raw rows and the roll-up of this name both still hold."""
    known_from = [recall(connection, mark) for mark in ("raw_from", f"{name}_from")]
    lower = max([day_of(first), *(moment for moment in known_from if moment is not None)])
    return lower, day_of(last) if day_of(last) == last else day_of(last) + DAY
