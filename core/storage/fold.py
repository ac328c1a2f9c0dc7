"""The fold: moves what writers appended to the delta tables into the roll-ups. Reports stay the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from core.storage import active_days, client_latency, connection_minutes, ledger, partitions, spans
from core.storage.connections import Database
from core.storage.rollups import (
    CLIENTS,
    DAY,
    DELTAS,
    HOUR,
    ROLLUPS,
    Delta,
    Rollup,
    bucket_of_delta,
    primary_key,
    total_sql,
)

LOCK = 7_130_003


@dataclass(frozen=True)
class FoldResult:
    """`folded`: no other process was folding; `moved`: rows per delta; `days`: active days (re)built."""

    folded: bool
    moved: dict[str, int]
    days: tuple[date, ...] = ()
    pruned: int = 0


def fold(database: Database, now: datetime) -> FoldResult:
    """Merge all deltas, build the active clients and the longer blocks of days that ended before `now`, prune
    short-lived roll-ups, and keep partitions around `now`. To be called every ten seconds or so, by any number of
    processes; one works, others return.

    Raises DatabaseUnavailableError.
    """
    moved: dict[str, int] = {}
    with database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if not row or not row[0]:
            return FoldResult(False, moved)
        try:
            days: set[date] = set()
            for delta in DELTAS:
                with connection.transaction():
                    moved[delta.name], touched = _merge(connection, delta)
                    if delta is CLIENTS:
                        days = active_days.build(connection, {hour.astimezone(UTC).date() for hour in touched}, now)
                        spans.build(connection, now)
            moved["client_seen"] = _merge_seen(connection)
            with connection.transaction():
                moved["connection_minute"] = connection_minutes.roll_up(connection, now)
            with connection.transaction():
                moved["batches"] = ledger.compact(connection, now)
            pruned = sum(_prune(connection, rollup, now) for rollup in ROLLUPS)
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    partitions.ensure(database, now)
    partitions.adopt(database)
    return FoldResult(True, moved, tuple(sorted(days)), pruned)


def fold_sql(delta: Delta) -> str:
    """Move all rows of a delta into the roll-ups it feeds; returns the count moved and the hours touched."""
    parts = [_insert_sql(rollup) for rollup in ROLLUPS if rollup.delta is delta]
    if delta is CLIENTS:
        parts += [client_latency.merge_sql("moved"), *spans.late_sql("moved", DAY.sql("bucket"))]
    ctes = ",".join(f"\n        merged_{number} AS ({part})" for number, part in enumerate(parts))
    # DELETE, never TRUNCATE: rows that writers commit meanwhile stay for the next fold, and nobody waits.
    return f"""
        WITH moved AS (DELETE FROM {delta.name} RETURNING *),{ctes}
        SELECT (SELECT count(*) FROM moved), array(SELECT DISTINCT {HOUR.sql(delta.grain.column)} FROM moved)"""


def _insert_sql(rollup: Rollup) -> str:
    key = ", ".join(primary_key(rollup))
    keys = ", ".join((bucket_of_delta(rollup), *rollup.keys))
    sums = ", ".join(f"{total_sql(measure)} AS {measure}" for measure in rollup.measures)
    added = ", ".join(f"{measure} = {rollup.name}.{measure} + excluded.{measure}" for measure in rollup.measures)
    order = ", ".join(str(rollup.key_columns.index(column) + 1) for column in primary_key(rollup))
    return f"""
            INSERT INTO {rollup.name} ({", ".join(rollup.columns)})
            SELECT {keys}, {sums} FROM moved GROUP BY {keys} ORDER BY {order}
            ON CONFLICT ({key}) DO UPDATE SET {added}"""


def _merge(connection: psycopg.Connection[Any], delta: Delta) -> tuple[int, list[datetime]]:
    row = connection.execute(fold_sql(delta).encode()).fetchone()
    return (int(row[0]), row[1]) if row else (0, [])


def _merge_seen(connection: psycopg.Connection[Any]) -> int:
    """First and last seen: locked in order of their numbers, as writers do."""
    with connection.transaction():
        rows = connection.execute(
            """WITH moved AS (DELETE FROM client_seen_delta RETURNING *)
               SELECT client_no, min(first_seen), max(last_seen), count(*) FROM moved GROUP BY 1 ORDER BY 1"""
        ).fetchall()
        if not rows:
            return 0
        numbers = [row[0] for row in rows]
        connection.execute("SELECT 1 FROM clients WHERE client_no = ANY(%s) ORDER BY client_no FOR UPDATE", [numbers])
        connection.execute(
            """UPDATE clients c SET first_seen = least(c.first_seen, s.first), last_seen = greatest(c.last_seen, s.last)
               FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[]) AS s (number, first, last)
               WHERE c.client_no = s.number""",
            [numbers, [row[1] for row in rows], [row[2] for row in rows]],
        )
        return sum(row[3] for row in rows)


def _prune(connection: psycopg.Connection[Any], rollup: Rollup, now: datetime) -> int:
    """Remove what is older than the roll-up keeps; remembers from where on it is complete."""
    if rollup.keep is None:
        return 0
    oldest = (now.astimezone(UTC) - rollup.keep).replace(second=0, microsecond=0)
    with connection.transaction():
        gone = connection.execute(f"DELETE FROM {rollup.name} WHERE bucket < %s".encode(), [oldest])
        remember(connection, f"{rollup.name}_from", oldest)
    return gone.rowcount


def remember(connection: psycopg.Connection[Any], name: str, moment: datetime) -> None:
    """Keep the latest such moment under a name of `settings_store`."""
    connection.execute(
        "INSERT INTO settings_store VALUES (%(name)s, to_jsonb(%(at)s::timestamptz)) ON CONFLICT (name) DO UPDATE"
        " SET value = to_jsonb(greatest((settings_store.value #>> '{}')::timestamptz, %(at)s))",
        {"name": name, "at": moment},
    )


def recall(connection: psycopg.Connection[Any], name: str) -> datetime | None:
    row = connection.execute(
        "SELECT (value #>> '{}')::timestamptz FROM settings_store WHERE name = %s", [name]
    ).fetchone()
    return row[0] if row else None
