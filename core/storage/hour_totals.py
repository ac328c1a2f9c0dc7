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


def build(connection: psycopg.Connection[Any], hours: Sequence[datetime]) -> None:
    """Count these hours anew; to be called in the transaction that merged minutes of them."""
    if not hours:
        return
    updates = ", ".join(f"{name} = excluded.{name}" for name in MEASURES)
    connection.execute(
        f"""INSERT INTO traffic_hour_total (bucket, event_type_id, {", ".join(MEASURES)}) {RECOUNT} ORDER BY 1, 2
            ON CONFLICT (bucket, event_type_id) DO UPDATE SET {updates}""".encode(),
        {"hours": list(hours)},
    )
