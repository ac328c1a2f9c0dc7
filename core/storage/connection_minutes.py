"""Connections per minute, made from the samples of each minute that has ended.

A sum of the workers' peaks is not the peak of their sum, so this table does not merge by addition: the writer notes the
minutes of the samples it stores, and `roll_up` counts those minutes anew from all their samples.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from core.storage import connection_hours

MINUTE_MICROS = 60_000_000
SETTLE = timedelta(seconds=5)
"""Time after a minute's end for samples on their way; later ones note their minute again."""

NOTE = "COPY connection_minute_due (bucket) FROM STDIN (FORMAT BINARY)"
TAKE = "DELETE FROM connection_minute_due WHERE bucket < %s RETURNING bucket"
KEPT_FROM = """
SELECT max((value #>> '{}')::timestamptz) FROM settings_store
WHERE name IN ('samples_from', 'connection_minute_from')"""
"""From when on samples and minutes are complete: retention has removed those before."""
RECOUNT = """
SELECT bucket, relay_id, count(*), sum(active), max(peak), sum(opened), sum(closed), sum(events),
       sum(frames_out), sum(bytes_in), sum(bytes_out), avg(cpu), avg(memory), max(disk)
FROM (
    SELECT due.bucket, s.relay_id, s.timestamp,
           sum(s.active_connections) AS active, sum(s.peak_connections) AS peak, sum(s.opened) AS opened,
           sum(s.closed) AS closed, sum(s.events) AS events, sum(s.frames_out) AS frames_out,
           sum(s.bytes_in) AS bytes_in, sum(s.bytes_out) AS bytes_out,
           max(s.cpu_percent) AS cpu, max(s.memory_percent) AS memory, max(s.disk_percent) AS disk
    FROM unnest(%(due)s::timestamptz[]) AS due (bucket)
    JOIN connection_metrics_raw s
      ON s.timestamp >= %(first)s AND s.timestamp < %(last)s + interval '1 minute'
     AND date_bin('1 minute', s.timestamp, timestamptz '2000-01-01 00:00:00+00') = due.bucket
    GROUP BY due.bucket, s.relay_id, s.timestamp
) AS seconds
GROUP BY bucket, relay_id"""
"""The minutes `due`, `first` and `last` among them, from their samples: in the order of the table's columns."""
COUNT = f"""
INSERT INTO connection_minute (bucket, relay_id, seconds, active_sum, peak_connections, opened, closed, events,
                               frames_out, bytes_in, bytes_out, cpu_percent, memory_percent, disk_percent)
{RECOUNT}
ORDER BY bucket, relay_id
ON CONFLICT (bucket, relay_id) DO UPDATE SET
    seconds = excluded.seconds, active_sum = excluded.active_sum, peak_connections = excluded.peak_connections,
    opened = excluded.opened, closed = excluded.closed, events = excluded.events, frames_out = excluded.frames_out,
    bytes_in = excluded.bytes_in, bytes_out = excluded.bytes_out, cpu_percent = excluded.cpu_percent,
    memory_percent = excluded.memory_percent, disk_percent = excluded.disk_percent
"""


def note(connection: psycopg.Connection[Any], timestamps: Iterable[int]) -> None:
    """Note the minutes of stored samples (timestamps in microseconds since the epoch), in the storing transaction."""
    minutes = sorted({timestamp // MINUTE_MICROS for timestamp in timestamps})
    if not minutes:
        return
    with connection.cursor().copy(NOTE) as copy:
        copy.set_types(["timestamptz"])
        for minute in minutes:
            copy.write_row([datetime.fromtimestamp(minute * 60, UTC)])


def roll_up(connection: psycopg.Connection[Any], now: datetime) -> int:
    """Count the noted minutes that have ended at `now`, and their hours; returns how many. Part of the caller's
    transaction.

    Minutes whose samples retention has dropped stay as they were counted, or are gone: late samples change none.
    """
    ended = (now - SETTLE).replace(second=0, microsecond=0)
    noted = {bucket for (bucket,) in connection.execute(TAKE, [ended])}
    row = connection.execute(KEPT_FROM).fetchone()
    due = sorted(bucket for bucket in noted if not row or row[0] is None or bucket >= row[0])
    if due:
        connection.execute(COUNT, {"due": due, "first": due[0], "last": due[-1]})
        connection_hours.build(connection, due)
    return len(due)
