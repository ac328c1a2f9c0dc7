"""A range as blocks of hours, days, 8 and 64 days, for queries over the sums of clients: see spans.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from core.storage.client_days import built_before
from core.storage.connections import Database
from core.storage.spans import cover


def blocks_of(connection: psycopg.Connection[Any], start: datetime, end: datetime) -> dict[str, Any]:
    """Parameters `hours` (length of a block), `firsts`, `lasts`, `signs`, one per part, and `start`, `end` themselves.

    What is built stays built, so the parts hold in every later snapshot too.
    """
    parts = cover(start, end, built_before(connection))
    return {
        "start": start,
        "end": end,
        "hours": [part.hours for part in parts],
        "firsts": [part.start for part in parts],
        "lasts": [part.end for part in parts],
        "signs": [part.sign for part in parts],
    }


def blocks(database: Database, start: datetime, end: datetime) -> dict[str, Any]:
    """The same over a connection of the pool. Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        return blocks_of(connection, start, end)
