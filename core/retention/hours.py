"""Hours of clients and query shapes become days: those with a day of their own go, of others a day's become one row.

A row of a whole day lies in the hour in which it begins. What reads a roll-up by whole days of UTC finds the same sums
as before, and late rows still add up; only the hours of a day are no longer told apart (see core/kept_hours.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg

from core import kept_hours
from core.storage import client_days, fold, shape_days
from core.storage.connections import Database
from core.storage.rollups import rollup_named, total_sql
from core.storage.spans import midnight

HAVE_DAYS = {"client_hour": "true", "active_hour": "true", "client_kind_pack": "hours = 1", "shape_hour": "true"}
"""Tables, and which of their rows are of hours."""
MERGED = ("client_error_hour", "client_session_hour", "client_kind_hour", "kind_latency_hour")
TABLES = (*HAVE_DAYS, *MERGED)
DAY = "date_trunc('day', bucket, 'UTC')"


def planned(connection: psycopg.Connection[Any], table: str, before: datetime) -> tuple[int, int]:
    """Rows of a table that would go, and their own bytes."""
    size = "pg_column_size(t.*)"
    if table in HAVE_DAYS:
        query = (
            f"SELECT count(*), coalesce(sum({size}), 0)::bigint FROM {table} t WHERE {HAVE_DAYS[table]} AND bucket < %s"  # noqa: S608
        )
    else:
        query = f"""SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(bytes), 0)::bigint
                    FROM (SELECT count(*) - 1 AS n, sum({size}) - max({size}) AS bytes FROM {table} t
                          WHERE bucket < %s GROUP BY {_keys(table)}) AS days"""  # noqa: S608 (our own names)
    row = connection.execute(query.encode(), [before]).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def apply(database: Database, before: datetime, stopping: Callable[[], bool]) -> int:
    """Let the hours before a midnight of UTC go, a day of a table at a time, while nobody folds; how many rows went.

    Reports are told first that they are going. Late rows of such days go on the next day. Safe to interrupt and repeat.
    """
    gone = 0
    with database.connect(autocommit=True) as connection:
        built = midnight(client_days.built_before(connection))
        before = min(before, built)  # no day is missing
        fold.remember(connection, kept_hours.MARK, before)
        shape_days.make(database, before, stopping)
        for table in TABLES:
            done = fold.recall(connection, f"{table}_from")
            if done is not None and done >= before:
                continue
            for day in _days(connection, table, before):
                if stopping():
                    return gone
                with connection.transaction():
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", [fold.LOCK])
                    gone += _drop(connection, table, day)
            fold.remember(connection, f"{table}_from", before)
    return gone


def _days(connection: psycopg.Connection[Any], table: str, before: datetime) -> list[datetime]:
    """Days of which there are hours."""
    only = HAVE_DAYS.get(table, f"bucket <> {DAY}")
    query = f"SELECT DISTINCT {DAY} FROM {table} WHERE {only} AND bucket < %s ORDER BY 1"  # noqa: S608 (our own names)
    return [day for (day,) in connection.execute(query.encode(), [before]).fetchall()]


def _drop(connection: psycopg.Connection[Any], table: str, day: datetime) -> int:
    within = f"""DELETE FROM {table} WHERE {HAVE_DAYS.get(table, "true")}
                 AND bucket >= %(day)s AND bucket < %(day)s::timestamptz + interval '24 hours'"""  # noqa: S608
    if table in HAVE_DAYS:
        return connection.execute(within.encode(), {"day": day}).rowcount
    rollup = rollup_named(table)
    sums = ", ".join(f"{total_sql(measure)}::{rollup.sql_type(measure)}" for measure in rollup.measures)
    keys = ", ".join(rollup.keys)
    row = connection.execute(
        f"""WITH gone AS ({within} RETURNING *), made AS (
                INSERT INTO {table} ({", ".join(rollup.columns)})
                SELECT %(day)s, {keys}, {sums} FROM gone GROUP BY {keys} RETURNING 1)
            SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM made)""".encode(),  # noqa: S608 (our own names)
        {"day": day},
    ).fetchone()
    return int(row[0]) if row else 0


def _keys(table: str) -> str:
    return ", ".join((DAY, *rollup_named(table).keys))
