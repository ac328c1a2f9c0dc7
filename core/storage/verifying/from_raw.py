"""Roll-ups against the raw rows that they sum."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from core.storage import shape_hours
from core.storage.rollups import FACTS_SQL, SESSION, SESSION_FACTS_SQL, TAKES_SQL, Rollup, total_sql
from core.storage.verifying.difference import Difference, difference


def rollup_rows(
    connection: psycopg.Connection[Any], rollup: Rollup, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    keys = ", ".join(rollup.key_columns)
    sums = ", ".join(f"{total_sql(measure)} AS {measure}" for measure in rollup.measures)
    stored = [f"stored.{measure}" for measure in rollup.measures]
    recount = [f"recount.{measure}" for measure in rollup.measures]
    differs = " OR ".join(f"{a} IS DISTINCT FROM {b}" for a, b in zip(stored, recount, strict=True))
    bucket = rollup.grain.column
    facts = SESSION_FACTS_SQL if rollup.delta is SESSION else FACTS_SQL
    statement = f"""
        WITH stored AS (
            SELECT {keys}, {sums} FROM {rollup.current}
            WHERE {bucket} >= %(start)s AND {bucket} < %(end)s GROUP BY {keys}
        ), facts AS ({facts}), counted AS (
            SELECT {rollup.grain.sql('"timestamp"')} AS {bucket}, {", ".join((*rollup.keys, *rollup.measures))}
            FROM facts WHERE {TAKES_SQL[rollup.delta.takes]}
        ), recount AS (SELECT {keys}, {sums} FROM counted GROUP BY {keys})
        SELECT {keys}, {", ".join((*stored, *recount))} FROM stored FULL JOIN recount USING ({keys})
        WHERE {differs} ORDER BY {keys} LIMIT %(limit)s"""
    rows = connection.execute(statement.encode(), {"start": start, "end": end, "limit": limit}).fetchall()
    width, half = len(rollup.key_columns), len(rollup.measures)
    return [
        difference(rollup.name, row[:width], rollup.measures, row[width : width + half], row[width + half :])
        for row in rows
    ]


def client_latency(
    connection: psycopg.Connection[Any], rollup: Rollup, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """Each client's bins of each hour or day against its answered raw rows."""
    bucket = rollup.grain.column
    keys = f"{bucket}, relay_id, client_no, event_type_id, bin"
    rows = connection.execute(
        f"""WITH stored AS (
                SELECT {keys}, sum(n)::bigint AS n FROM {rollup.name}_latency
                WHERE {bucket} >= %(start)s AND {bucket} < %(end)s GROUP BY {keys}
            ), facts AS ({FACTS_SQL}), recount AS (
                SELECT {rollup.grain.sql('"timestamp"')} AS {bucket}, relay_id, client_no, event_type_id, bin,
                       sum(n)::bigint AS n
                FROM facts WHERE bin IS NOT NULL GROUP BY 1, 2, 3, 4, 5
            )
            SELECT {keys}, stored.n, recount.n FROM stored FULL JOIN recount USING ({keys})
            WHERE stored.n IS DISTINCT FROM recount.n ORDER BY {keys} LIMIT %(limit)s""".encode(),
        {"start": start, "end": end, "limit": limit},
    )
    return [Difference(f"{rollup.name}_latency", row[:5], {"n": (row[5], row[6])}) for row in rows.fetchall()]


def shapes(connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int) -> list[Difference]:
    """Costs of query shapes against the raw rows, in hours that do not wait to be counted."""
    keys, names = "bucket, relay_id, event_type_id, shape", shape_hours.MEASURES
    both = ", ".join(f"stored.{name}, recount.{name}" for name in names)
    differs = " OR ".join(f"stored.{name} IS DISTINCT FROM recount.{name}" for name in names)
    rows = connection.execute(
        f"""WITH stored AS (SELECT * FROM shape_hour WHERE bucket >= %(start)s AND bucket < %(end)s),
                 recount AS ({shape_hours.RECOUNT}), due AS ({shape_hours.DUE})
            SELECT {keys}, {both} FROM stored FULL JOIN recount USING ({keys})
            WHERE ({differs}) AND bucket NOT IN (SELECT bucket FROM due) ORDER BY {keys} LIMIT %(limit)s""".encode(),
        {"start": start, "end": end, "before": end, "limit": limit},
    )
    return [difference("shape_hour", row[:4], names, row[4::2], row[5::2]) for row in rows.fetchall()]
