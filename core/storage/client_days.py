"""Sums per client over UTC days that have ended, and over blocks of 8 and 64 of them: built once, late rows added.

A fold then writes each client's hour only, and a long range is read in few rows (see `spans`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from core.storage import client_bins
from core.storage.rollups import CLOSED_MARK, DAY, MESSAGES, total_sql

LENGTHS = (8, 64)
"""Days of a block. Block k of a length begins k lengths after 1970-01-01."""
ALL_TYPES = -1
"""The event type of block rows that sum all types, DELIVERY included."""
EPOCH = date(1970, 1, 1)
NEVER = date(1999, 1, 1)
"""Before all that is stored: nothing is built yet."""

DAY_KEYS = client_bins.KEYS["client_day"]
SPAN_KEYS = "length, event_type_id, day, client_no, relay_id"
MEASURES = ", ".join(MESSAGES)
SUMS = ", ".join(f"{total_sql(measure)} AS {measure}" for measure in MESSAGES)


def built_before(connection: psycopg.Connection[Any]) -> date:
    """The mark: days before it are in client_day, and blocks that end by it in client_span."""
    row = connection.execute(
        "SELECT (value #>> '{}')::date FROM settings_store WHERE name = %s", [CLOSED_MARK]
    ).fetchone()
    return row[0] if row else NEVER


def build(connection: psycopg.Connection[Any], now: datetime) -> bool:
    """Build the days and blocks that ended since the last call; whether there were any.

    Belongs in the transaction of the fold, after the merge (which itself adds late rows to what was built).
    """
    today, known = now.astimezone(UTC).date(), built_before(connection)
    if known >= today:
        return False
    connection.execute(BUILD_DAYS.encode(), {"since": known, "upto": today})
    for length in LENGTHS:
        since, upto = block_start(known, length), block_start(today, length)
        if since < upto:
            connection.execute(
                f"INSERT INTO client_span ({SPAN_KEYS}, {MEASURES})"
                f" {blocks_sql(length, 'client_day', 'day >= %(since)s AND day < %(upto)s')}".encode(),
                {"since": since, "upto": upto},
            )
    connection.execute(
        "INSERT INTO settings_store VALUES (%s, to_jsonb(%s::date))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [CLOSED_MARK, today],
    )
    return True


def block_start(day: date, length: int) -> date:
    """The first day of the block that holds `day`."""
    return day - timedelta(days=(day - EPOCH).days % length)


BUILD_DAYS = f"""
    WITH ended AS (
        SELECT *, {DAY.sql("bucket")} AS day FROM client_hour
        WHERE bucket >= %(since)s::date::timestamp AT TIME ZONE 'UTC'
          AND bucket < %(upto)s::date::timestamp AT TIME ZONE 'UTC'
    ), sketch AS (
        SELECT {DAY_KEYS}, array_agg(bin ORDER BY bin) AS bins, array_agg(n ORDER BY bin) AS counts
        FROM (
            SELECT {DAY_KEYS}, bin, sum(n)::integer AS n
            FROM ({client_bins.unnested_sql("ended", *DAY_KEYS.split(", "))}) each GROUP BY {DAY_KEYS}, bin
        ) summed
        GROUP BY {DAY_KEYS}
    )
    INSERT INTO client_day ({DAY_KEYS}, {MEASURES}, last_at, packed_bins, packed_counts)
    SELECT {DAY_KEYS}, {MEASURES}, last_at, sketch.bins, sketch.counts
    FROM (SELECT {DAY_KEYS}, {SUMS}, max(last_at) AS last_at FROM ended GROUP BY {DAY_KEYS}) days
    LEFT JOIN sketch USING ({DAY_KEYS})
    ORDER BY day, client_no, relay_id, event_type_id"""
"""Sum the days of [since, upto) from client_hour."""


def late_days_sql(source: str) -> str:
    """Statement that adds rows of `source` (a client_delta) to the days that were built, for the fold."""
    added = ", ".join(f"{measure} = client_day.{measure} + excluded.{measure}" for measure in MESSAGES)
    keys = f"client_no, {DAY.sql('bucket')}, relay_id, event_type_id"
    concatenated = ", ".join(f"concatenated({column})" for column in client_bins.COLUMNS.split(", "))
    return f"""
            INSERT INTO client_day ({DAY_KEYS}, {MEASURES}, last_at, {client_bins.COLUMNS})
            SELECT {keys}, {SUMS}, max(last_at), {concatenated}
            FROM {source} WHERE {DAY.sql("bucket")} < {MARK_SQL} GROUP BY {keys} ORDER BY {keys}
            ON CONFLICT ({DAY_KEYS}) DO UPDATE SET {added},
                last_at = greatest(client_day.last_at, excluded.last_at), {client_bins.appended_sql("client_day")}
            RETURNING {DAY_KEYS}, {client_bins.SIZE} AS size"""


def late_blocks_sql(source: str, length: int) -> str:
    """Statement that adds rows of `source` (a client_delta) to the blocks that were built, for the fold."""
    added = ", ".join(f"{measure} = client_span.{measure} + excluded.{measure}" for measure in MESSAGES)
    days = f"(SELECT {DAY.sql('bucket')} AS day, * FROM {source}) late"
    return f"""
            INSERT INTO client_span ({SPAN_KEYS}, {MEASURES})
            {blocks_sql(length, days, f"day < {_block(MARK_SQL, length)}")}
            ON CONFLICT ({SPAN_KEYS}) DO UPDATE SET {added}"""


def blocks_sql(length: int, source: str, where: str) -> str:
    """The rows of `source` (columns as client_day) in blocks: by event type, and of all types together."""
    block = _block("day", length)
    return f"""SELECT {length}, CASE WHEN grouping(event_type_id) = 1 THEN {ALL_TYPES} ELSE event_type_id END,
                   {block}, client_no, relay_id, {SUMS}
            FROM {source} WHERE {where}
            GROUP BY GROUPING SETS (({block}, event_type_id, relay_id, client_no), ({block}, relay_id, client_no))
            ORDER BY 2, 3, 4, 5"""


MARK_SQL = f"(SELECT (value #>> '{{}}')::date FROM settings_store WHERE name = '{CLOSED_MARK}')"


def _block(day: str, length: int) -> str:
    return f"({day} - mod({day} - DATE '1970-01-01', {length}))"
