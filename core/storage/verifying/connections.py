"""Minutes of connections against their samples, and hours against minutes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from core.storage import connection_hours, connection_minutes
from core.storage.rollups import HOUR
from core.storage.verifying.difference import Difference, day_of, difference, kept_from

MINUTE_MEASURES = (
    "seconds", "active_sum", "peak_connections", "opened", "closed", "events", "frames_out", "bytes_in", "bytes_out",
)  # fmt: skip
HOST_MEASURES = ("cpu_percent", "memory_percent", "disk_percent")


def minutes(connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int) -> list[Difference]:
    """Counts of each minute against its samples, but for minutes noted to be counted anew and means of the host."""
    lower = kept_from(connection, start, "raw_from", "samples_from", "connection_minute_from")
    within = {"lower": lower, "end": end}
    due = sorted(
        bucket
        for (bucket,) in connection.execute(
            """SELECT bucket FROM connection_minute
               UNION SELECT date_bin('1 minute', "timestamp", timestamptz '2000-01-01 00:00:00+00')
               FROM connection_metrics_raw WHERE "timestamp" >= %(lower)s AND "timestamp" < %(end)s
               EXCEPT SELECT bucket FROM connection_minute_due""",
            within,
        )
        if lower <= bucket < end
    )
    if not due:
        return []
    stored = [f"stored.{measure}" for measure in MINUTE_MEASURES]
    recount = [f"recount.{measure}" for measure in MINUTE_MEASURES]
    differs = " OR ".join(f"{a} IS DISTINCT FROM {b}" for a, b in zip(stored, recount, strict=True))
    statement = f"""
        WITH stored AS (SELECT * FROM connection_minute WHERE bucket = ANY(%(due)s)),
        recount (bucket, relay_id, {", ".join((*MINUTE_MEASURES, *HOST_MEASURES))}) AS ({connection_minutes.RECOUNT})
        SELECT bucket, relay_id, {", ".join((*stored, *recount))} FROM stored FULL JOIN recount USING (bucket, relay_id)
        WHERE {differs} ORDER BY bucket, relay_id LIMIT %(limit)s"""
    rows = connection.execute(statement.encode(), {"due": due, "first": due[0], "last": due[-1], "limit": limit})
    count = len(MINUTE_MEASURES)
    return [
        difference("connection_minute", row[:2], MINUTE_MEASURES, row[2 : 2 + count], row[2 + count :])
        for row in rows.fetchall()
    ]


def hours(connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int) -> list[Difference]:
    """Hours against the counted minutes (which are compared with samples themselves)."""
    within = "bucket >= %(start)s AND bucket < %(end)s"
    span = {"start": kept_from(connection, day_of(start), "connection_minute_from"), "end": end, "limit": limit}
    row = connection.execute(
        f"""SELECT array(SELECT DISTINCT {HOUR.sql("bucket")} FROM connection_minute WHERE {within}
                         UNION SELECT bucket FROM connection_hour WHERE {within})""".encode(),
        span,
    ).fetchone()
    names = connection_hours.MEASURES
    both = ", ".join(f"stored.{name}, recount.{name}" for name in names)
    differs = " OR ".join(
        # sums of floating point depend on the order of addition in their last digits
        f"CASE WHEN stored.{name} IS NULL OR recount.{name} IS NULL THEN num_nulls(stored.{name}, recount.{name}) = 1"
        f" ELSE abs(stored.{name} - recount.{name}) > 1e-9 * abs(recount.{name}) END"
        for name in names
    )
    rows = connection.execute(
        f"""WITH stored AS (SELECT * FROM connection_hour WHERE bucket = ANY(%(hours)s)),
            recount AS ({connection_hours.RECOUNT})
            SELECT bucket, relay_id, {both} FROM stored FULL JOIN recount USING (bucket, relay_id)
            WHERE {differs} ORDER BY 1, 2 LIMIT %(limit)s""".encode(),
        span | {"hours": row[0] if row else []},
    )
    return [difference("connection_hour", row[:2], names, row[2::2], row[3::2]) for row in rows.fetchall()]
