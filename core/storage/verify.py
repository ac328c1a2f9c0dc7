"""Whether the roll-ups equal a recount from the raw rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from core.storage.connections import Database
from core.storage.fold import recall
from core.storage.rollups import FACTS_SQL, ROLLUPS, TAKES_SQL, Rollup, both_sql, total_sql

EVER = (datetime(1999, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC))
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Difference:
    """A roll-up row that is not what the raw rows say. The values are (stored, recounted), None: no such row."""

    rollup: str
    key: tuple[Any, ...]
    values: dict[str, tuple[Any, Any]]


def verify(
    database: Database, *, start: datetime | None = None, end: datetime | None = None, limit: int = 1000
) -> list[Difference]:
    """Recount every roll-up from the raw rows of [start, end), widened to whole UTC days, in one snapshot.

    Leaves out what cannot be recounted because retention removed it. At most `limit` differences per roll-up.
    Raises DatabaseUnavailableError.
    """
    first, last = start or EVER[0], end or EVER[1]
    with database.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = []
        for rollup in ROLLUPS:
            known_from = [recall(connection, name) for name in ("raw_from", f"{rollup.name}_from")]
            lower = max([_day(first), *(moment for moment in known_from if moment is not None)])
            upper = _day(last) if _day(last) == last else _day(last) + DAY
            if lower < upper:
                found += _compare(connection, rollup, lower, upper, limit)
        return found + _compare_active_days(connection, first, last, limit)


def _compare(
    connection: psycopg.Connection[Any], rollup: Rollup, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    keys = ", ".join(rollup.key_columns)
    sums = ", ".join(f"{total_sql(measure)} AS {measure}" for measure in rollup.measures)
    stored = [f"stored.{measure}" for measure in rollup.measures]
    recount = [f"recount.{measure}" for measure in rollup.measures]
    differs = " OR ".join(f"{a} IS DISTINCT FROM {b}" for a, b in zip(stored, recount, strict=True))
    bucket = rollup.grain.column
    statement = f"""
        WITH stored AS (
            SELECT {keys}, {sums} FROM ({both_sql(rollup)}) parts
            WHERE {bucket} >= %(start)s AND {bucket} < %(end)s GROUP BY {keys}
        ), facts AS ({FACTS_SQL}), counted AS (
            SELECT {rollup.grain.sql('"timestamp"')} AS {bucket}, {", ".join((*rollup.keys, *rollup.measures))}
            FROM facts WHERE {TAKES_SQL[rollup.takes]}
        ), recount AS (SELECT {keys}, {sums} FROM counted GROUP BY {keys})
        SELECT {keys}, {", ".join((*stored, *recount))} FROM stored FULL JOIN recount USING ({keys})
        WHERE {differs} ORDER BY {keys} LIMIT %(limit)s"""  # noqa: S608 (our own names)
    rows = connection.execute(statement.encode(), {"start": start, "end": end, "limit": limit}).fetchall()
    width, half = len(rollup.key_columns), len(rollup.measures)
    return [
        Difference(
            rollup.name,
            row[:width],
            {
                measure: (row[width + place], row[width + half + place])
                for place, measure in enumerate(rollup.measures)
                if row[width + place] != row[width + half + place]
            },
        )
        for row in rows
    ]


def _compare_active_days(
    connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """Bits against merged client_day, of the days that are built."""
    rows = connection.execute(
        """WITH bits AS (SELECT day, sum(bit_count(bits))::bigint AS n FROM active_day GROUP BY day),
           counted AS (
               SELECT day, count(DISTINCT client_no) AS n
               FROM client_day WHERE n > 0 AND day < (
                   SELECT (value #>> '{}')::date FROM settings_store WHERE name = 'active_days_built_before')
               GROUP BY day),
           missing AS (
               SELECT DISTINCT c.day, c.client_no FROM client_day c JOIN active_day a
               ON a.day = c.day AND a.chunk = c.client_no / 65536
               WHERE c.n > 0 AND get_bit(a.bits, c.client_no %% 65536) = 0)
           SELECT coalesce(bits.day, counted.day), bits.n, counted.n FROM bits FULL JOIN counted USING (day)
           WHERE (bits.n IS DISTINCT FROM counted.n OR coalesce(bits.day, counted.day) IN (SELECT day FROM missing))
             AND coalesce(bits.day, counted.day) BETWEEN %s::date AND %s::date
           ORDER BY 1 LIMIT %s""",
        [start, end, limit],
    ).fetchall()
    return [Difference("active_day", (day,), {"clients": (stored, counted)}) for day, stored, counted in rows]


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
