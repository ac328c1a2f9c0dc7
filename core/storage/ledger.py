"""Which batches are stored: a row each, and a watermark per source once a run of them without gap is old enough.

The rows make every batch count once; the watermark keeps them from growing for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg

from core.records import Batch

Key = tuple[str, int]

LOCK = 7_130_004
KEEP = timedelta(hours=1)
"""Rows younger than this stay, for looking into what arrived when; few enough to be read by every fold."""

CLAIM = """
INSERT INTO batches (source, sequence, events)
SELECT source, sequence, events
FROM unnest(%s::text[], %s::bigint[], %s::integer[]) AS wanted (source, sequence, events)
WHERE NOT EXISTS (SELECT FROM batch_watermarks w WHERE w.source = wanted.source AND wanted.sequence <= w.upto)
ON CONFLICT DO NOTHING
RETURNING source, sequence"""

# Within a source the n-th row above the watermark has the sequence upto + n exactly as long as nothing is missing.
ADVANCE = """
WITH numbered AS (
    SELECT b.source, b.sequence, b.stored_at, coalesce(w.upto, 0) AS upto,
           row_number() OVER (PARTITION BY b.source ORDER BY b.sequence) AS place
    FROM batches b LEFT JOIN batch_watermarks w USING (source)
), reached AS (
    SELECT source, max(sequence) AS upto FROM numbered
    WHERE sequence = upto + place AND stored_at < %s
    GROUP BY source
), raised AS (
    INSERT INTO batch_watermarks (source, upto) SELECT source, upto FROM reached
    ON CONFLICT (source) DO UPDATE SET upto = excluded.upto
)
DELETE FROM batches b USING reached r WHERE b.source = r.source AND b.sequence <= r.upto"""


def claim(connection: psycopg.Connection[Any], batches: Mapping[Key, Batch]) -> set[Key]:
    """Enter batches as stored, in the caller's transaction; returns those that were not. Waits for `compact`."""
    return set(claiming(connection, batches).fetchall())


def claiming(connection: psycopg.Connection[Any], batches: Mapping[Key, Batch]) -> psycopg.Cursor[Key]:
    """The same, for a pipeline: the cursor will have what `claim` returns.

    Sorted, so that two writers wait for each other in one order.
    """
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])
    keys = sorted(batches)
    return connection.execute(
        CLAIM, [[key[0] for key in keys], [key[1] for key in keys], [len(batches[key].events) for key in keys]]
    )


def exclude_writers(connection: psycopg.Connection[Any]) -> None:
    """Wait until no write is under way, and let none begin before the caller's transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def compact(connection: psycopg.Connection[Any], now: datetime) -> int:
    """Replace the rows of old batches by watermarks; returns how many went. The caller's transaction should be short.

    A batch that is claimed again meanwhile waits and then meets the watermark: there is no moment at which it meets
    neither. A gap in the sequence of a source ends the run, so nothing counts as stored that is not.
    """
    free = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK]).fetchone()
    if not free or not free[0]:
        return 0  # writers are busy: the next fold tries again
    return connection.execute(ADVANCE, [now - KEEP]).rowcount
