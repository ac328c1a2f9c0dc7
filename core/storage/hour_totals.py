"""Totals of each hour and event type, and the busiest minute in it: built from `traffic_minute` by the fold.

`traffic_hour` has a row per kind and outcome and `traffic_minute` one per minute; over 90 days both are too many to
scan for totals and peaks. Here an hour is a row per event type, and one (`ALL_TYPES`) of all types together, whose
busiest minute does not follow from theirs. An hour is counted anew whenever minutes of it are merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

ALL_TYPES = -1
"""The event_type_id of the rows of all types together."""

MEASURES = (
    "n", "errors", "unanswered", "events_out", "bytes_in", "bytes_out", "payload_in", "payload_out", "busiest_minute",
)  # fmt: skip

_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in MEASURES[:-1])

RECOUNT = f"""
    WITH minutes AS (
        SELECT h.bucket AS hour, m.bucket AS minute, m.event_type_id, {_SUMS}
        FROM unnest(%(hours)s::timestamptz[]) AS h (bucket)
        JOIN traffic_minute m ON m.bucket >= h.bucket AND m.bucket < h.bucket + interval '1 hour'
        GROUP BY 1, 2, 3
    ), together AS (SELECT hour, minute, {_SUMS} FROM minutes GROUP BY 1, 2)
    SELECT hour, event_type_id, {_SUMS}, max(bytes_in + bytes_out) AS busiest_minute FROM minutes GROUP BY 1, 2
    UNION ALL
    SELECT hour, {ALL_TYPES}, {_SUMS}, max(bytes_in + bytes_out) FROM together GROUP BY 1"""
"""The rows of the hours `hours` timestamptz[], from the merged minutes."""


FROM = "traffic_minute_from"
"""The moment from which on minutes are complete: retention has removed those before."""
RECOUNT_OLDER = f"""
    WITH hours AS (
        SELECT bucket, event_type_id, {_SUMS} FROM traffic_hour_current
        WHERE bucket = ANY(%(hours)s::timestamptz[]) GROUP BY 1, 2
    ), minutes AS ({RECOUNT})
    SELECT bucket, event_type_id, {", ".join(MEASURES[:-1])}, coalesce(busiest_minute, 0)
    FROM (SELECT * FROM hours
          UNION ALL SELECT bucket, {ALL_TYPES}, {_SUMS} FROM hours GROUP BY 1) totals
    LEFT JOIN (SELECT hour AS bucket, event_type_id, busiest_minute FROM minutes) minutes
    USING (bucket, event_type_id)"""
"""The same of hours whose minutes are gone: totals from hours, and the busiest of the minutes there are."""


def build(connection: psycopg.Connection[Any], hours: Sequence[datetime]) -> None:
    """Count these hours anew; to be called in the transaction that merged minutes of them."""
    if not hours:
        return
    row = connection.execute(
        "SELECT (value #>> '{}')::timestamptz FROM settings_store WHERE name = %s", [FROM]
    ).fetchone()
    older = [hour for hour in hours if row and hour < row[0]]
    _insert(connection, RECOUNT, [hour for hour in hours if hour not in set(older)], "excluded.busiest_minute")
    _insert(connection, RECOUNT_OLDER, older, "greatest(traffic_hour_total.busiest_minute, excluded.busiest_minute)")


def _insert(connection: psycopg.Connection[Any], recount: str, hours: Sequence[datetime], busiest: str) -> None:
    if not hours:
        return
    updates = ", ".join(f"{name} = excluded.{name}" for name in MEASURES[:-1])
    connection.execute(
        f"""INSERT INTO traffic_hour_total (bucket, event_type_id, {", ".join(MEASURES)}) {recount} ORDER BY 1, 2
            ON CONFLICT (bucket, event_type_id) DO UPDATE SET {updates}, busiest_minute = {busiest}""".encode(),
        {"hours": list(hours)},
    )
