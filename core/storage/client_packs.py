"""Sums per client over days that have ended, and blocks of 8 and 64 of them, packed: one column of numbers per measure.

A ranking over a quarter sums 50,000 clients. Row by row that takes half a microsecond each; a packed day is read in a
fraction of a millisecond. Packs are made of client_day when a day has ended, and of today's hours that have ended; a
block that has not ended is packed too, of its days that have. A day that a late row touches is noted as due in the
transaction that merges the row: readers take its rows instead, until a later fold packs it again.

The numbers of a pack are unsigned, of the fewest bytes that hold the largest (`width`: 1, 2, 4 or 8; 0 where all
are zero), the highest byte first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from core.storage.client_days import ALL_TYPES, EPOCH, LENGTHS, NEVER, block_start, built_before
from core.storage.rollups import DAY
from core.storage.spans import midnight

MARK = "client_packs_before"
MEASURES = (
    "n", "accepted", "duplicate", "rejected", "errors", "unanswered", "events_out", "bytes_in", "bytes_out",
    "payload_in", "payload_out",
)  # fmt: skip
OF_ONE_TYPE = {
    "event_accepted": ("EVENT", "accepted"),
    "event_duplicate": ("EVENT", "duplicate"),
    "event_rejected": ("EVENT", "rejected"),
    "reqs": ("REQ", "n"),
    "counts": ("COUNT", "n"),
}
"""More measures in the packs of all types together: the event type and its measure. A bill then reads one list of
clients instead of four."""
CLIENT_NO = "client_no"
"""The pack that says whose numbers the others hold, in the same order."""
AT_ONCE = 8
"""Due days that one fold packs again: an import touches many."""


def packed_before(connection: psycopg.Connection[Any]) -> datetime:
    """The mark: hours before it are in packs, but for days that are due."""
    row = connection.execute(
        "SELECT (value #>> '{}')::timestamptz FROM settings_store WHERE name = %s", [MARK]
    ).fetchone()
    return row[0].astimezone(UTC) if row else midnight(NEVER)


def build(connection: psycopg.Connection[Any], touched: Iterable[datetime], now: datetime) -> None:
    """Note days that late rows touched, pack what ended since the last call, and some of the days that are due.

    Belongs in the transaction of the fold, after the days that ended were built.
    """
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    known = packed_before(connection)
    upto = max(known, hour)
    late = sorted({moment.astimezone(UTC).date() for moment in touched if moment < known})
    if late:
        connection.execute("INSERT INTO client_pack_due SELECT unnest(%s::date[]) ON CONFLICT DO NOTHING", [late])
    if known.date() == NEVER:
        found = connection.execute(
            f"SELECT DISTINCT day FROM ({EVERY_DAY}) days WHERE day < %s".encode(), [upto.date()]
        )
        days = {day for (day,) in found.fetchall()}
    else:
        days = {known.date() + timedelta(days=number) for number in range((upto.date() - known.date()).days)}
    if upto > known:
        days.add(upto.date())
    due = connection.execute("SELECT day FROM client_pack_due ORDER BY day DESC LIMIT %s", [AT_ONCE]).fetchall()
    days |= {day for (day,) in due}
    for day in sorted(days):
        _pack_day(connection, day, upto)
    connection.execute("DELETE FROM client_pack_due WHERE day = ANY(%s)", [list(days)])
    still_due = {day for (day,) in connection.execute("SELECT day FROM client_pack_due").fetchall()}
    ended = days - {upto.date()}
    for length in LENGTHS:
        for first in sorted({block_start(day, length) for day in ended}):
            if not any(first <= day < first + timedelta(days=length) for day in still_due):
                _pack_block(connection, first, length, upto.date())
    if upto > known:
        connection.execute(
            "INSERT INTO settings_store VALUES (%s, to_jsonb(%s::timestamptz))"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [MARK, upto],
        )


def _pack_day(connection: psycopg.Connection[Any], day: date, upto: datetime) -> None:
    if day < built_before(connection):
        connection.execute(pack_sql(PACKED_DAYS).encode(), {"first": day, "last": day})
    else:
        last = min(upto, midnight(day) + timedelta(days=1))
        connection.execute(pack_sql(PACKED_HOURS).encode(), {"first": midnight(day), "last": last})


def _pack_block(connection: psycopg.Connection[Any], first: date, length: int, today: date) -> None:
    """Pack a block; of one that has not ended, the days that have."""
    if first + timedelta(days=length) <= built_before(connection):
        connection.execute(pack_sql(PACKED_BLOCK).encode(), {"first": first, "length": length})
    else:
        connection.execute(pack_sql(so_far(length)).encode(), {"first": first, "today": midnight(today)})


EVERY_DAY = f"SELECT day FROM client_day UNION ALL SELECT {DAY.sql('bucket')} FROM client_hour"
COLUMNS = f"event_type_id, client_no, {', '.join(MEASURES)}"
DAYS = f"SELECT 1 AS days, day, {COLUMNS} FROM client_day"
BLOCKS = f"SELECT length AS days, day, {COLUMNS} FROM client_span WHERE event_type_id >= 0"
HOURS = f"SELECT 1 AS days, {DAY.sql('bucket')} AS day, {COLUMNS} FROM client_hour"
"""What is packed: rows of client_day; its blocks; of days that have not ended, the hours that have."""
PACKED_DAYS = f"{DAYS} WHERE day BETWEEN %(first)s AND %(last)s"
PACKED_BLOCK = f"{BLOCKS} AND length = %(length)s AND day = %(first)s"
PACKED_SO_FAR = f"""
    SELECT %(length)s::smallint AS days, %(block)s::date AS day, {COLUMNS} FROM client_day
    WHERE day BETWEEN %(first)s AND %(last)s"""
PACKED_HOURS = f"{HOURS} WHERE bucket >= %(first)s AND bucket < %(last)s"


def so_far(length: int, first: str = "%(first)s") -> str:
    """What is packed of the block of `length` days from `first` on that has not ended: its days before `today`, from
    shorter blocks where they have ended."""
    today = "(%(today)s AT TIME ZONE 'UTC')::date"
    shorter = max([1, *(other for other in LENGTHS if other < length)])
    rest = first if shorter == 1 else f"({today} - mod({today} - DATE '{EPOCH}', {shorter}))"
    named = f"{length} AS days, {first}::date AS day, {COLUMNS}"
    spans = f"""
        SELECT {named} FROM client_span
        WHERE event_type_id >= 0 AND length = {shorter} AND day >= {first} AND day < {rest}
        UNION ALL"""
    return f"""{"" if shorter == 1 else spans}
        SELECT {named} FROM client_day WHERE day >= {rest} AND day < {today}"""


def pack_sql(source: str) -> str:
    """Pack the rows of `source`, one of the above."""
    return f"""
        INSERT INTO client_pack (days, event_type_id, measure, day, width, numbers)
        {packs_sql(source)}
        ON CONFLICT (days, event_type_id, measure, day) DO UPDATE
        SET width = excluded.width, numbers = excluded.numbers"""


def packs_sql(source: str) -> str:
    """The packs of the rows of `source`, by event type and of all types, in the order of the table's columns."""
    sums = [f"sum({name})::bigint AS {name}" for name in MEASURES]
    sums += [
        f"coalesce(sum({measure}) FILTER (WHERE event_type_id = {_type(name)}), 0)::bigint AS {column}"
        for column, (name, measure) in OF_ONE_TYPE.items()
    ]
    columns = (CLIENT_NO, *MEASURES, *OF_ONE_TYPE)
    widths = ", ".join(f"{_width(name)} AS {name}" for name in columns)
    packed = ", ".join(
        f"string_agg(substring(int8send(clients.{name}) FROM 9 - widths.{name}), ''::bytea ORDER BY clients.client_no)"
        f" AS {name}, min(widths.{name}) AS {name}_width"
        for name in columns
    )
    named = ", ".join(f"('{name}', {name}_width, {name})" for name in columns)
    only_all = ", ".join(f"'{name}'" for name in OF_ONE_TYPE)
    return f"""
        WITH clients AS MATERIALIZED (
            SELECT days, day, coalesce(event_type_id, {ALL_TYPES}) AS event_type_id, client_no::bigint AS client_no,
                   {", ".join(sums)}
            FROM ({source}) source
            GROUP BY GROUPING SETS ((days, day, event_type_id, client_no), (days, day, client_no))
        ), widths AS (
            SELECT days, day, event_type_id, {widths} FROM clients GROUP BY days, day, event_type_id
        )
        SELECT days, event_type_id, measure, day, width::smallint, numbers
        FROM (
            SELECT days, day, event_type_id, {packed}
            FROM clients JOIN widths USING (days, day, event_type_id)
            GROUP BY days, day, event_type_id
        ) packs CROSS JOIN LATERAL (VALUES {named}) AS one (measure, width, numbers)
        WHERE event_type_id = {ALL_TYPES} OR measure NOT IN ({only_all})"""


def _type(name: str) -> str:
    return f"(SELECT event_type_id FROM event_types WHERE name = '{name}')"


def _width(column: str) -> str:
    """Bytes that hold the largest value of a column; of a client's number at least one, to tell how many there are."""
    limits = "".join(f" WHEN max({column}) < {256**size} THEN {size}" for size in (1, 2, 4))
    return f"CASE WHEN max({column}) = 0 THEN {1 if column == CLIENT_NO else 0}{limits} ELSE 8 END"
