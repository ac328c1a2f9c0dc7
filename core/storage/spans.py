"""Sums per client over blocks of 8 and 64 UTC days, so that a long range is read in few rows.

A range is put together from blocks of four lengths (1 hour, 1 day, 8 days, 64 days), added and taken away: 60 days are
64 days less 4. No range needs more than four blocks of a length at each of its ends, where the longer ones exist.
Blocks are summed from client_day once their days have ended; late rows are added to those that were.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from core.storage.rollups import CLIENT, total_sql

LENGTHS = (8, 64)
"""Days of a block. Block k of a length begins k lengths after 1970-01-01."""
MARK = "client_spans_built_before"
ALL_TYPES = -1
"""The event type of the rows that sum all types, DELIVERY included."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOURS = (1, 24, *(24 * length for length in LENGTHS))
"""Hours of a block, of each length."""

KEYS = "length, day, event_type_id, relay_id, client_no"


@dataclass(frozen=True)
class Part:
    """All blocks of one length in [start, end), to be added (`sign` 1) or taken away (-1)."""

    hours: int
    start: datetime
    end: datetime
    sign: int


def cover(start: datetime, end: datetime, built_before: date | None) -> list[Part]:
    """Parts that add up to [start, end), whole hours of UTC: every hour of it once, and no other hour at all.

    `built_before`: the mark of `build`; blocks longer than a day are used before it only.
    """
    first, last = (int((moment - EPOCH) // timedelta(hours=1)) for moment in (start, end))
    known = 0 if built_before is None else (built_before - EPOCH.date()).days * 24
    return [
        Part(hours, EPOCH + timedelta(hours=a), EPOCH + timedelta(hours=b), sign)
        for hours, a, b, sign in _cover(first, last, 1, len(HOURS) - 1, known)
    ]


def built_before(connection: psycopg.Connection[Any]) -> date | None:
    """The mark: blocks that end by this day are built."""
    row = connection.execute("SELECT (value #>> '{}')::date FROM settings_store WHERE name = %s", [MARK]).fetchone()
    return row[0] if row else None


def build(connection: psycopg.Connection[Any], now: datetime) -> int:
    """Build the blocks that ended since the last call; returns how many. Belongs in the transaction of the fold, after
    the merge (which itself adds late rows to the blocks that were built)."""
    today, known = now.astimezone(UTC).date(), built_before(connection)
    if known is not None and known >= today:
        return 0
    count = 0
    for length in LENGTHS:
        upto = block_start(today, length)
        since = date.min if known is None else block_start(known, length)
        if since >= upto:
            continue
        made = connection.execute(build_sql(length).encode(), {"since": since, "upto": upto})
        count += made.rowcount > 0
    connection.execute(
        "INSERT INTO settings_store VALUES (%s, to_jsonb(%s::date))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [MARK, today],
    )
    return count


def block_start(day: date, length: int) -> date:
    """The first day of the block that holds `day`."""
    return day - timedelta(days=(day - EPOCH.date()).days % length)


def build_sql(length: int) -> str:
    """Sum the blocks of [since, upto) from client_day."""
    return f"""
        INSERT INTO client_span (length, day, event_type_id, relay_id, client_no, {", ".join(CLIENT)})
        {summed_sql(length, "client_day", "day >= %(since)s AND day < %(upto)s")}"""


def late_sql(source: str, day: str) -> list[str]:
    """Statements that add rows of `source` to the blocks already built, for the fold."""
    added = ", ".join(f"{measure} = client_span.{measure} + excluded.{measure}" for measure in CLIENT)
    built = f"(SELECT (value #>> '{{}}')::date FROM settings_store WHERE name = '{MARK}')"
    return [
        f"""INSERT INTO client_span (length, day, event_type_id, relay_id, client_no, {", ".join(CLIENT)})
            {summed_sql(length, f"(SELECT {day} AS day, * FROM {source}) late", f"day < {_block(built, length)}")}
            ON CONFLICT ({KEYS}) DO UPDATE SET {added}"""
        for length in LENGTHS
    ]


def summed_sql(length: int, source: str, where: str) -> str:
    """The rows of `source` (columns as client_day) in blocks: by event type, and of all types together."""
    sums = ", ".join(f"{total_sql(measure)} AS {measure}" for measure in CLIENT)
    block = _block("day", length)
    return f"""SELECT {length}, {block}, CASE WHEN grouping(event_type_id) = 1 THEN {ALL_TYPES} ELSE event_type_id END,
                   relay_id, client_no, {sums}
            FROM {source} WHERE {where}
            GROUP BY GROUPING SETS (({block}, event_type_id, relay_id, client_no), ({block}, relay_id, client_no))
            ORDER BY 2, 3, 4, 5"""


def _block(day: str, length: int) -> str:
    return f"({day} - mod({day} - DATE '1970-01-01', {length}))"


def _cover(first: int, last: int, sign: int, level: int, known: int) -> list[tuple[int, int, int, int]]:
    """The parts of the hours [first, last), by blocks of HOURS[level] and shorter; before hour `known` if long."""
    if first >= last:
        return []
    size = HOURS[level]
    if level == 0:
        return [(size, first, last, sign)]
    a, b = _nearest(first, size), _nearest(last, size)
    if size > HOURS[1]:
        top = known - known % size
        a, b = min(a, top), min(b, top)
    if a >= b:
        return _cover(first, last, sign, level - 1, known)
    return [
        *_edge(first, a, sign, level - 1, known),
        (size, a, b, sign),
        *_edge(b, last, sign, level - 1, known),
    ]


def _edge(start: int, end: int, sign: int, level: int, known: int) -> list[tuple[int, int, int, int]]:
    """From `start` to `end`, backwards with the opposite sign."""
    return _cover(start, end, sign, level, known) if start <= end else _cover(end, start, -sign, level, known)


def _nearest(hour: int, size: int) -> int:
    return (hour + size // 2) // size * size
