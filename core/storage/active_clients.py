"""Who was active in an hour and on a UTC day, as bits: bit `client_no % 65536` of chunk `client_no / 65536`.

The number of distinct clients over any whole hours is then `bit_count` of `bit_or`: exact, in about a millisecond a
month. A client is active when it sent a message (n > 0); being connected alone does not count. Bits are only ever set,
so the fold adds those of the rows it merges, in the same statement: they always say what the merged roll-ups say, of
open and of ended hours and days, also after late rows. What is not merged yet is in the view `active_pending`.
"""

from __future__ import annotations

from typing import Any

import psycopg

from core.storage.rollups import DAY

ANY_TYPE = 0
"""`event_type_id` of the bits of all types together. The type DELIVERY, which has this number, is no message."""
CHUNK = 65_536
WORD = 2_048

TABLES = {
    "active_hour": ("bucket", "client_hour"),
    "active_day": (
        "day",
        f"(SELECT {DAY.sql('bucket')} AS day, client_no, event_type_id, n FROM client_hour"
        " UNION ALL SELECT day, client_no, event_type_id, n FROM client_day) days",  # which may reach further back
    ),
}
"""Each table of bits, its time, and what it must agree with."""


def merge_sql(source: str, bits: str) -> tuple[str, str, str]:
    """Statements for the fold: the bits of delta rows by the hour, which it is to name `bits`, and two that add them to
    `active_hour` and `active_day`."""
    return (
        bits_sql("bucket", source),
        _add("active_hour", f"SELECT bucket, event_type_id, chunk, bits FROM {bits}"),
        _add(
            "active_day",
            f"SELECT {DAY.sql('bucket')}, event_type_id, chunk, bit_or(bits) FROM {bits} GROUP BY 1, 2, 3",
        ),
    )


def rebuild(connection: psycopg.Connection[Any]) -> None:
    """Set all bits anew, in the caller's transaction, after `client_hour` was filled by other means than the fold.

    Two million rows take eight seconds.
    """
    for table, (column, source) in TABLES.items():
        connection.execute(f"DELETE FROM {table}".encode())
        connection.execute(_add(table, bits_sql(column, source)).encode())


def bits_sql(column: str, source: str, where: str = "true") -> str:
    """The bits of the rows of `source` (client_no, event_type_id, n and the time `column`): by time, type and chunk."""
    # Setting one of 65,536 bits copies 8 KiB: short words are set row by row, and only they are put in their place.
    return f"""SELECT {column}, coalesce(event_type_id, {ANY_TYPE}) AS event_type_id, chunk, bit_or(bits) AS bits
            FROM (
                SELECT {column}, event_type_id, chunk, bit_or(bits::bit({CHUNK}) >> word * {WORD}) AS bits
                FROM (
                    SELECT {column}, event_type_id, client_no / {CHUNK} AS chunk,
                           mod(client_no, {CHUNK}) / {WORD} AS word,
                           bit_or(set_bit(0::bit({WORD}), mod(client_no, {WORD}), 1)) AS bits
                    FROM {source} WHERE n > 0 AND {where}
                    GROUP BY 1, 2, 3, 4
                ) words
                GROUP BY 1, 2, 3
            ) types
            GROUP BY GROUPING SETS (({column}, chunk, event_type_id), ({column}, chunk))"""


def _add(table: str, rows: str) -> str:
    column, _ = TABLES[table]
    return f"""
            INSERT INTO {table} AS stored ({column}, event_type_id, chunk, bits)
            {rows} ORDER BY 2, 1, 3
            ON CONFLICT (event_type_id, {column}, chunk) DO UPDATE SET bits = stored.bits | excluded.bits
            WHERE stored.bits | excluded.bits <> stored.bits"""
