"""The bins of latencies and lengths, of hours and days that have ended, packed: percentiles over a quarter are then
read in a few hundred rows instead of a hundred thousand.

The roll-ups latency_hour, first_event_hour and session_hour stay what is counted; packs are made of them when an hour
or a day has ended, and again when late rows touch it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from core.storage.rollups import FIRST_EVENT, LATENCY, SESSION, Delta

FIRST_EVENT_TYPE = -1
"""The event type of packs of times to the first event."""
SESSION_TYPE = -2
"""The event type of packs of the lengths of ended connections."""
ENTRY = np.dtype([("bin", ">i2"), ("n", ">i8")])
"""How a pack holds a bin and the count of what lies in it."""
NEVER = datetime(1999, 1, 1, tzinfo=UTC)
"""Before all that is stored: nothing is packed yet."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Source:
    """A roll-up of bins by the hour: the event type and the bin of its rows, and what to add up beside, as SQL."""

    rollup: str
    event_type: str
    bin: str
    total: str = "NULL::bigint"

    @property
    def mark(self) -> str:
        return f"{self.rollup}_packed_before"


SOURCES: dict[Delta, Source] = {
    LATENCY: Source("latency_hour", "event_type_id", "bin"),
    FIRST_EVENT: Source("first_event_hour", str(FIRST_EVENT_TYPE), "first_bin"),
    SESSION: Source("session_hour", str(SESSION_TYPE), "duration_bin", "duration_ms"),
}


def packed_before(connection: psycopg.Connection[Any], source: Source) -> datetime:
    """The mark: hours before it are packed, and days that end by it."""
    row = connection.execute(
        "SELECT (value #>> '{}')::timestamptz FROM settings_store WHERE name = %s", [source.mark]
    ).fetchone()
    return row[0].astimezone(UTC) if row else NEVER


def build(connection: psycopg.Connection[Any], source: Source, touched: Sequence[datetime], now: datetime) -> None:
    """Pack what ended since the last call, and again what ended before and was touched.

    Belongs in the transaction of the fold that merged the roll-up.
    """
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    known = packed_before(connection, source)
    upto = max(known, hour)
    late = [moment for moment in touched if moment < known]
    days = sorted({_day(moment) for moment in late if _day(moment) < _day(known)})
    if upto > known or late:
        connection.execute(pack_sql(source, 1).encode(), {"since": known, "upto": upto, "hours": late})
    if _day(upto) > _day(known) or days:
        within = [day + hour * HOUR for day in days for hour in range(24)]
        connection.execute(
            pack_sql(source, 24).encode(),
            {"since": _day(known), "upto": _day(upto), "hours": within},
        )
    if upto > known:
        connection.execute(
            "INSERT INTO settings_store VALUES (%s, to_jsonb(%s::timestamptz))"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [source.mark, upto],
        )


def pack_sql(source: Source, length: int) -> str:
    """Pack the hours, or the days of the hours, in [since, upto) and among `hours`."""
    return f"""
        INSERT INTO latency_pack (hours, bucket, event_type_id, relay_id, bins, total)
        {packs_sql(source, length, "(bucket >= %(since)s AND bucket < %(upto)s) OR bucket = ANY(%(hours)s)")}
        ON CONFLICT (hours, bucket, event_type_id, relay_id) DO UPDATE
        SET bins = excluded.bins, total = excluded.total"""


def packs_sql(source: Source, length: int, where: str) -> str:
    """What the packs of the hours `where` are, of 1 or 24 hours, in the order of the table's columns."""
    bucket = "bucket" if length == 1 else "date_trunc('day', bucket, 'UTC')"
    return f"""
        SELECT {length} AS hours, bucket, event_type_id, relay_id,
               string_agg(int2send(bin::smallint) || int8send(n), ''::bytea ORDER BY bin) AS bins,
               sum(total)::bigint AS total
        FROM (
            SELECT {bucket} AS bucket, {source.event_type} AS event_type_id, relay_id, {source.bin} AS bin,
                   sum(n)::bigint AS n, sum({source.total})::bigint AS total
            FROM {source.rollup} WHERE {where}
            GROUP BY 1, 2, 3, 4
        ) AS bins
        GROUP BY bucket, event_type_id, relay_id"""


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
