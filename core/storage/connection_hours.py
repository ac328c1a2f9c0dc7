"""Connections per hour, counted anew from the minutes of `connection_minute` whenever minutes of it are counted.

A quarter has 130,000 minutes and 2,160 hours. The most of a sum over several relays does not follow from the most of
each, so every hour has one more row, of all relays together (relay_id -1), made of the sums of each minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg

MEASURES = (
    "seconds", "active_sum", "peak_connections", "opened", "closed", "busiest_minute", "cpu_sum", "cpu_minutes",
    "cpu_max", "memory_sum", "memory_minutes", "memory_max", "disk_max",
)  # fmt: skip
"""`busiest_minute`: client messages of that minute; `cpu_sum`, `memory_sum`: percent, summed over the minutes known."""

RECOUNT = """
    WITH minutes AS (
        SELECT h.bucket AS hour, m.*
        FROM unnest(%(hours)s::timestamptz[]) AS h (bucket)
        JOIN connection_minute m ON m.bucket >= h.bucket AND m.bucket < h.bucket + interval '1 hour'
    )
    SELECT hour AS bucket, relay_id, sum(seconds)::integer AS seconds, sum(active_sum)::bigint AS active_sum,
           max(peak_connections) AS peak_connections, sum(opened)::bigint AS opened, sum(closed)::bigint AS closed,
           max(events) AS busiest_minute, sum(cpu_percent::float8) AS cpu_sum,
           count(cpu_percent)::integer AS cpu_minutes, max(cpu_percent) AS cpu_max,
           sum(memory_percent::float8) AS memory_sum, count(memory_percent)::integer AS memory_minutes,
           max(memory_percent) AS memory_max, max(disk_percent) AS disk_max
    FROM (
        SELECT hour, relay_id, seconds, active_sum, peak_connections, opened, closed, events, cpu_percent,
               memory_percent, disk_percent
        FROM minutes
        UNION ALL
        SELECT hour, -1, max(seconds), sum(active_sum)::bigint, sum(peak_connections)::bigint,
               sum(opened)::bigint, sum(closed)::bigint, sum(events)::bigint, max(cpu_percent), max(memory_percent),
               max(disk_percent)
        FROM minutes GROUP BY hour, bucket
    ) AS parts
    GROUP BY hour, relay_id"""
"""The rows of the hours `hours` timestamptz[], from the counted minutes: in the order of the table's columns."""


def build(connection: psycopg.Connection[Any], minutes: Iterable[datetime]) -> None:
    """Count the hours of these minutes anew; to be called in the transaction that counted the minutes."""
    hours = sorted({minute.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for minute in minutes})
    if not hours:
        return
    updates = ", ".join(f"{name} = excluded.{name}" for name in MEASURES)
    connection.execute(
        f"""INSERT INTO connection_hour (bucket, relay_id, {", ".join(MEASURES)}) {RECOUNT} ORDER BY 1, 2
            ON CONFLICT (bucket, relay_id) DO UPDATE SET {updates}""".encode(),
        {"hours": hours},
    )
