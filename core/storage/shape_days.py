"""What each query shape costs, day by day: `shape_day`, made of the hours of UTC days that have ended.

Nobody has to note which days are due, as with hours: of each day it is kept what was seen of its hours when it was
made. A day whose hours have seen something else since is not read, and made anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import numpy as np
import psycopg

from core.filter_shapes import NOT_TOLD, REST
from core.storage.connections import Database
from core.storage.reading import Read
from core.storage.shape_bins import ENTRY
from core.storage.shape_hours import BY_SILENCE, BY_TIME, LOCK
from core.storage.spans import midnight

A_DAY = timedelta(days=1)

SEEN = "sum(c.seen)::bigint"
DUE = f"""
    SELECT day FROM (
        SELECT (c.bucket AT TIME ZONE 'UTC')::date AS day, {SEEN} AS seen FROM shape_hour_counted c
        WHERE c.bucket < %s GROUP BY 1
    ) AS hours LEFT JOIN shape_day_made made USING (day)
    WHERE hours.seen IS DISTINCT FROM made.seen ORDER BY day DESC"""  # noqa: S608 (our own words)
HOURS = """
    SELECT relay_id, event_type_id, shape, n, unanswered, events_out, rt_n, rt_sum, bins
    FROM shape_hour WHERE bucket >= %s AND bucket < %s"""
ADD = "INSERT INTO shape_day VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
MADE = f"""
    INSERT INTO shape_day_made
    SELECT %(day)s, coalesce({SEEN}, 0) FROM shape_hour_counted c WHERE c.bucket >= %(start)s AND c.bucket < %(end)s
    ON CONFLICT (day) DO UPDATE SET seen = excluded.seen"""  # noqa: S608 (our own words)


class Costs(NamedTuple):
    """A row of shape_hour or shape_day, without its time."""

    relay_id: int
    event_type_id: int
    shape: str
    n: int
    unanswered: int
    events_out: int
    rt_n: int
    rt_sum: float
    bins: bytes


def make(database: Database, before: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Make the days that are due and ended by `before`, the newest first; how many. Raises DatabaseUnavailableError."""
    made = 0
    today = midnight(before.astimezone(UTC).date())
    with database.connect(autocommit=True) as connection:
        for (day,) in connection.execute(DUE.encode(), [today]).fetchall():
            if stopping():
                break
            _make_day(connection, day)
            made += 1
    return made


def parts(read: Read, start: datetime, end: datetime) -> dict[str, list[Any]]:
    """What [start, end), whole hours, is made of, as parameters of queries: `utc_days` that are there, and the hours
    between them, from `firsts` to `lasts`."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    first = start.date() if start.time() == time() else start.date() + A_DAY
    days = [day for (day,) in read("shapes_days", {"first_day": first, "last_day": end.date()})]
    midnights = [midnight(day) for day in days]
    edges = [start, *(edge for first in midnights for edge in (first, first + A_DAY)), end]
    between = [pair for pair in zip(edges[::2], edges[1::2], strict=True) if pair[0] < pair[1]]
    return {"utc_days": days, "firsts": [first for first, _ in between], "lasts": [last for _, last in between]}


def hours_of(connection: psycopg.Connection[Any], day: date) -> list[Costs]:
    """The rows of the hours of a day."""
    start = midnight(day)
    with connection.cursor(binary=True) as cursor:
        return [Costs(*row) for row in cursor.execute(HOURS.encode(), [start, start + A_DAY]).fetchall()]


def together(costs: Iterable[Costs]) -> list[Costs]:
    """Rows of several hours as one for each relay, event type and shape; of many shapes, as few apart as of an hour."""
    groups: dict[tuple[int, int, str], list[Costs]] = defaultdict(list)
    for one in costs:
        groups[one.relay_id, one.event_type_id, one.shape].append(one)
    apart = _kept_apart({key: _sum(key, rows) for key, rows in groups.items()}.values())
    named: dict[tuple[int, int, str], list[Costs]] = defaultdict(list)
    for key, rows in groups.items():
        relay, event_type, shape = key
        named[key if shape == NOT_TOLD or key in apart else (relay, event_type, REST)] += rows
    return [_sum(key, rows)._replace(bins=_bins(rows)) for key, rows in sorted(named.items())]


def _make_day(connection: psycopg.Connection[Any], day: date) -> None:
    start = midnight(day)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])  # no hour changes meanwhile
        connection.execute("DELETE FROM shape_day WHERE day = %s", [day])
        with connection.cursor() as cursor:
            cursor.executemany(ADD, [(day, *row) for row in together(hours_of(connection, day))])
        connection.execute(MADE.encode(), {"day": day, "start": start, "end": start + A_DAY})


def _kept_apart(sums: Iterable[Costs]) -> set[tuple[int, int, str]]:
    """Those that took most time, and beside them those with most messages without an answer."""
    shapes = [one for one in sums if one.shape not in (REST, NOT_TOLD)]
    by_time = sorted(shapes, key=lambda one: (-one.rt_sum, one.shape, one.relay_id, one.event_type_id))
    silent = [one for one in shapes if one.unanswered]
    by_silence = sorted(silent, key=lambda one: (-one.unanswered, one.shape, one.relay_id, one.event_type_id))
    return {(one.relay_id, one.event_type_id, one.shape) for one in (*by_time[:BY_TIME], *by_silence[:BY_SILENCE])}


def _sum(key: tuple[int, int, str], rows: Sequence[Costs]) -> Costs:
    """Of all but the bins."""
    return Costs(
        *key,
        n=sum(row.n for row in rows),
        unanswered=sum(row.unanswered for row in rows),
        events_out=sum(row.events_out for row in rows),
        rt_n=sum(row.rt_n for row in rows),
        rt_sum=sum(row.rt_sum for row in rows),
        bins=b"",
    )


def _bins(rows: Sequence[Costs]) -> bytes:
    """One pack of several."""
    entries = np.frombuffer(b"".join(row.bins for row in rows), dtype=ENTRY)
    bins, places = np.unique(entries["bin"], return_inverse=True)
    made = np.empty(len(bins), dtype=ENTRY)
    made["bin"], made["n"] = bins, np.bincount(places, weights=entries["n"], minlength=len(bins))
    return made.tobytes()
