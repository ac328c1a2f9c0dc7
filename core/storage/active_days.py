"""Who was active on a closed day, as bits: bit `client_no % 65536` of chunk `client_no / 65536`.

The number of distinct clients over any days is then `bit_count` of `bit_or`: exact, in under a millisecond.
A client is active on a day on which it sent a message (n > 0); being connected alone does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from core.storage.binary_copy import Column, Payloads, copy_columns

CHUNK = 65_536
EPOCH = date(1970, 1, 1)
MARK = "active_days_built_before"


def build(connection: psycopg.Connection[Any], touched: Iterable[date], now: datetime) -> set[date]:
    """Build the UTC days that closed since the last call, and the closed ones among `touched`; returns them.

    Belongs in the transaction that merged client_day. The current day is never built: its numbers come from client_day.
    """
    today = now.astimezone(UTC).date()
    row = connection.execute("SELECT (value #>> '{}')::date FROM settings_store WHERE name = %s", [MARK]).fetchone()
    built_before = row[0] if row else None
    days = {day for day in touched if day < today}
    if built_before is None or built_before < today:
        closed = connection.execute(
            "SELECT DISTINCT day FROM client_day WHERE day < %s AND day >= coalesce(%s, '-infinity'::date)",
            [today, built_before],
        )
        days |= {day for (day,) in closed.fetchall()}
        connection.execute(
            "INSERT INTO settings_store VALUES (%s, to_jsonb(%s::date))"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [MARK, today],
        )
    for day in sorted(days):
        _build_day(connection, day)
    return days


def _build_day(connection: psycopg.Connection[Any], day: date) -> None:
    numbers = connection.execute("SELECT DISTINCT client_no FROM client_day WHERE day = %s AND n > 0", [day]).fetchall()
    clients = np.array([number for (number,) in numbers], dtype=np.int64)
    chunks = np.unique(clients // CHUNK)
    connection.execute("DELETE FROM active_day WHERE day = %s", [day])
    copy_columns(
        connection,
        "active_day",
        [
            Column("day", "date", np.full(len(chunks), (day - EPOCH) // timedelta(days=1))),
            Column("chunk", "integer", chunks),
        ],
        Payloads("bits", [_bits(clients[clients // CHUNK == chunk] % CHUNK) for chunk in chunks]),
    )


def _bits(positions: np.ndarray[Any, Any]) -> bytes:
    """The binary form of bit(65536): its length, then the bits, the leftmost first."""
    flags = np.zeros(CHUNK, dtype=np.uint8)
    flags[positions] = 1
    return CHUNK.to_bytes(4, "big") + np.packbits(flags).tobytes()
