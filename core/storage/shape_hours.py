"""What each query shape costs, hour by hour: `shape_hour`, counted from the raw rows of hours that have ended.

Nobody has to note which hours are due: the transaction that stores a raw row also adds to `traffic_hour_current`, so
an hour whose REQs and COUNTs there are more than `shape_hour_counted` saw is new or was touched by late rows. It is
then counted anew as a whole, while its raw rows are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from core.filter_shapes import NOT_TOLD, REST
from core.storage.connections import Database
from core.storage.shape_bins import PACK_SQL, SHAPE_BIN_SQL

LOCK = 7_130_012
HOUR = timedelta(hours=1)
BY_TIME = 150
"""Shapes of an hour that are kept apart for the time they took together; whatever is sent, an hour stays small."""
BY_SILENCE = 50
"""Shapes beside them for how many of their messages got no answer: silence takes no time."""
MEASURES = ("n", "unanswered", "events_out", "rt_n", "rt_sum", "bins")

QUERIES = "event_type_id IN (SELECT event_type_id FROM event_types WHERE name IN ('REQ', 'COUNT'))"
RECOUNT = f"""
    WITH binned AS MATERIALIZED (
        SELECT date_bin('1 hour', e."timestamp", timestamptz '2000-01-01 00:00:00+00') AS bucket, e.relay_id,
               e.event_type_id, coalesce(e.metadata ->> 'shape', '{NOT_TOLD}') AS shape,
               CASE WHEN e.response_time_ms IS NOT NULL THEN {SHAPE_BIN_SQL.format(ms="e.response_time_ms")} END AS bin,
               count(*) AS n, count(*) FILTER (WHERE o.name = 'unanswered') AS unanswered,
               sum(e.events_out) AS events_out, coalesce(sum(e.response_time_ms::float8), 0) AS rt_sum
        FROM traffic_events_raw e JOIN outcomes o USING (outcome_id)
        WHERE e."timestamp" >= %(start)s AND e."timestamp" < %(end)s AND {QUERIES}
        GROUP BY 1, 2, 3, 4, 5
    ), summed AS (
        SELECT *, sum(rt_sum) OVER same AS shape_ms, sum(unanswered) OVER same AS shape_silent
        FROM binned WINDOW same AS (PARTITION BY bucket, relay_id, event_type_id, shape)
    ), ranked AS (
        SELECT *, dense_rank() OVER (PARTITION BY bucket, shape = '{NOT_TOLD}'
                                     ORDER BY shape_ms DESC, shape COLLATE "C", relay_id, event_type_id) AS by_time,
               dense_rank() OVER (PARTITION BY bucket, shape = '{NOT_TOLD}'
                                  ORDER BY shape_silent DESC, shape COLLATE "C", relay_id, event_type_id) AS by_silence
        FROM summed
    ), named AS (
        SELECT bucket, relay_id, event_type_id,
               CASE WHEN shape = '{NOT_TOLD}' OR by_time <= {BY_TIME} THEN shape
                    WHEN by_silence <= {BY_SILENCE} AND shape_silent > 0 THEN shape ELSE '{REST}' END AS shape,
               bin, n, unanswered, events_out, rt_sum
        FROM ranked
    ), together AS (
        SELECT bucket, relay_id, event_type_id, shape, bin, sum(n) AS n, sum(unanswered) AS unanswered,
               sum(events_out) AS events_out, sum(rt_sum) AS rt_sum
        FROM named GROUP BY 1, 2, 3, 4, 5
    )
    SELECT bucket, relay_id, event_type_id, shape, sum(n)::bigint AS n, sum(unanswered)::bigint AS unanswered,
           sum(events_out)::bigint AS events_out, coalesce(sum(n) FILTER (WHERE bin IS NOT NULL), 0)::bigint AS rt_n,
           sum(rt_sum) AS rt_sum, coalesce({PACK_SQL} FILTER (WHERE bin IS NOT NULL), ''::bytea) AS bins
    FROM together GROUP BY 1, 2, 3, 4"""  # noqa: S608 (our own words)
"""The rows of the hours in [start, end), from raw rows. Windows, not a join with the sums of each shape: of an hour of
2,500 shapes the planner joins each row with each shape, which took twelve times as long."""

COUNT = f"""
    WITH counted AS (
        INSERT INTO shape_hour {RECOUNT} ORDER BY 2, 3, 4 RETURNING n
    ), known AS (
        SELECT coalesce(sum(n), 0)::bigint AS seen FROM traffic_hour_current WHERE bucket = %(start)s AND {QUERIES}
    )
    INSERT INTO shape_hour_counted
    SELECT %(start)s, (SELECT coalesce(sum(n), 0)::bigint FROM counted), seen FROM known
    ON CONFLICT (bucket) DO UPDATE SET n = excluded.n, seen = excluded.seen RETURNING n"""  # noqa: S608 (our own words)
"""In one statement, so that both sides are of one moment: `seen` is what was known of the hour, `n` what raw rows had.
The parameters are `start` and `end` of the hour."""

RAW_FROM = "(SELECT (value #>> '{}')::timestamptz FROM settings_store WHERE name = 'raw_from')"
DUE = f"""
    SELECT bucket FROM (
        SELECT bucket, sum(n)::bigint AS n FROM traffic_hour_current
        WHERE {QUERIES} AND bucket >= coalesce({RAW_FROM}, '-infinity') AND bucket < %(before)s GROUP BY bucket
    ) AS known LEFT JOIN shape_hour_counted USING (bucket)
    WHERE known.n IS DISTINCT FROM seen ORDER BY bucket DESC"""  # noqa: S608 (our own words)


@dataclass(frozen=True)
class Counted:
    hours: int
    messages: int


def count(database: Database, before: datetime, stopping: Callable[[], bool] = lambda: False) -> Counted:
    """Count the hours that are due and ended by `before`, the newest first, each in a transaction of its own.

    Raises DatabaseUnavailableError.
    """
    hours = messages = 0
    with database.connect(autocommit=True) as connection:
        for (bucket,) in connection.execute(DUE.encode(), {"before": _last_end(before)}).fetchall():
            if stopping():
                break
            counted = _count_hour(connection, bucket)
            hours, messages = hours + (counted is not None), messages + (counted or 0)
    return Counted(hours, messages)


def _count_hour(connection: psycopg.Connection[Any], bucket: datetime) -> int | None:
    """The messages of the hour; None: its raw rows are going, and what was counted of it stays."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute("DELETE FROM shape_hour WHERE bucket = %s", [bucket])
        row = connection.execute(COUNT.encode(), {"start": bucket, "end": bucket + HOUR}).fetchone()
        # Retention sets the mark before it takes the first row: without it nothing had gone when this was counted.
        going = connection.execute(f"SELECT 1 WHERE {RAW_FROM} > %s".encode(), [bucket]).fetchone()
        if going:
            raise psycopg.Rollback
    return int(row[0]) if row and not going else None


def count_again(connection: psycopg.Connection[Any], client_no: int) -> None:
    """Make the hours of a client due whose raw rows were changed, and the days of these."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute(
            f"""WITH again AS (
                    DELETE FROM shape_hour_counted WHERE bucket >= coalesce({RAW_FROM}, '-infinity') AND bucket IN (
                        SELECT bucket FROM client_hour_current WHERE client_no = %s AND {QUERIES})
                    RETURNING (bucket AT TIME ZONE 'UTC')::date AS day
                )
                DELETE FROM shape_day_made WHERE day IN (SELECT day FROM again)""".encode(),  # noqa: S608 (our own words)
            [client_no],
        )


def _last_end(before: datetime) -> datetime:
    """Hours that begin before it have ended by `before`."""
    return before.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
