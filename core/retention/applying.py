"""Applying the policies: what would go, and letting it go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from core.retention import holds, hours
from core.retention.policies import HOURS, MINUTES, RAW, SAMPLES, Policy, policies
from core.settings import Settings
from core.storage import fold, partitions, shape_hours, timescale
from core.storage.connections import Database

DAY = timedelta(days=1)
PARTITIONED = frozenset({RAW, SAMPLES})


@dataclass(frozen=True)
class Part:
    """Something that goes: a partition, a chunk, or rows of a table. `bytes`: with indexes, on disk; of rows their own
    size, which the table uses again. `held`: rows of it that a hold keeps."""

    policy: str
    table: str
    part: str
    rows: int
    bytes: int
    held: int = 0


def plan(database: Database, settings: Settings, now: datetime) -> list[Part]:
    """What would go now. Counts rows one by one: it may take a while. Raises DatabaseUnavailableError."""
    with database.connect() as connection:
        held = [number for (number,) in connection.execute("SELECT client_no FROM held_clients").fetchall()]
        found: list[Part] = []
        for policy in policies(database, settings):
            before = policy.before(now)
            if before is None:
                continue
            for table, column in policy.tables:
                if policy.name == HOURS:
                    found += _hours(connection, policy, table, before)
                    continue
                if policy.name in PARTITIONED:
                    found += _parts(connection, policy, table, before, held, hypertable=database.timescale)
                if policy.name not in PARTITIONED or not database.timescale:
                    rest = f"{table}_default" if policy.name in PARTITIONED else table
                    found += _rows(connection, policy, rest, column, before, held)
        return found


def apply(
    database: Database, settings: Settings, now: datetime, stopping: Callable[[], bool] = lambda: False
) -> dict[str, int]:
    """Let go what the policies say: partitions of raw rows and samples, rows of the others, by policy. Safe to
    interrupt and repeat. Raises DatabaseUnavailableError, or psycopg.errors.LockNotAvailable when all raw tables are
    in use."""
    gone: dict[str, int] = {"holds": holds.end_those_over(database, now)}
    for policy in policies(database, settings):
        before = policy.before(now)
        if before is None or stopping():
            continue
        if policy.name in PARTITIONED:
            tables = tuple(table for table, _ in policy.tables)
            if policy.name == RAW:
                shape_hours.count(database, before, stopping)  # it is counted from raw rows only: before they go
                if stopping():
                    continue
            mark = "raw_from" if policy.name == RAW else "samples_from"
            gone[policy.name] = partitions.drop_before(database, before, tables=tables, mark=mark)
        elif policy.name == HOURS:
            gone[policy.name] = hours.apply(database, before, stopping)
        elif policy.name == MINUTES:
            gone[policy.name] = sum(_drop_minutes(database, table, before) for table, _ in policy.tables)
        else:
            gone[policy.name] = sum(_delete(database, table, column, before) for table, column in policy.tables)
    return gone


def _parts(
    connection: psycopg.Connection[Any], policy: Policy, table: str, before: datetime, held: list[int], *,
    hypertable: bool,
) -> Iterator[Part]:  # fmt: skip
    names = timescale.chunks(connection, table, before) if hypertable else partitions.parts(connection, table, before)
    for schema, name, size in names:
        rows, kept = _counted(connection, sql.Identifier(schema, name), held if table in partitions.HELD else [])
        yield Part(policy.name, table, name, rows, size, kept)


def _rows(
    connection: psycopg.Connection[Any], policy: Policy, table: str, column: str, before: datetime, held: list[int]
) -> Iterator[Part]:
    row = connection.execute(
        sql.SQL("SELECT count(*), coalesce(sum(pg_column_size(t.*)), 0)::bigint FROM {} t WHERE {} < %s").format(
            sql.Identifier(table), sql.Identifier(column)
        ),
        [before],
    ).fetchone()
    if row and row[0]:
        yield Part(policy.name, table, f"rows before {before:%Y-%m-%d}", row[0], row[1])


def _hours(connection: psycopg.Connection[Any], policy: Policy, table: str, before: datetime) -> Iterator[Part]:
    rows, size = hours.planned(connection, table, before)
    if rows:
        yield Part(policy.name, table, f"hours before {before:%Y-%m-%d}", rows, size)


def _counted(connection: psycopg.Connection[Any], part: sql.Identifier, held: list[int]) -> tuple[int, int]:
    kept = sql.SQL("count(*) FILTER (WHERE client_no = ANY({}))").format(held) if held else sql.SQL("0")
    row = connection.execute(sql.SQL("SELECT count(*), {} FROM {}").format(kept, part)).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _drop_minutes(database: Database, table: str, before: datetime) -> int:
    """A day at a time, while nobody folds: hours are counted anew from the minutes that are merged, and must know from
    when on these are complete."""
    gone = 0
    with database.connect(autocommit=True) as connection:
        while True:
            row = connection.execute(
                sql.SQL("SELECT min(bucket) FROM {} WHERE bucket < %s").format(sql.Identifier(table)), [before]
            ).fetchone()
            if not row or row[0] is None:
                return gone
            upto = min(before, row[0].replace(hour=0, minute=0, second=0, microsecond=0) + DAY)
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [fold.LOCK])
                fold.remember(connection, f"{table}_from", before)
                gone += connection.execute(
                    sql.SQL("DELETE FROM {} WHERE bucket < %s").format(sql.Identifier(table)), [upto]
                ).rowcount


def _delete(database: Database, table: str, column: str, before: datetime) -> int:
    with database.connect() as connection:
        statement = sql.SQL("DELETE FROM {} WHERE {} < %s").format(sql.Identifier(table), sql.Identifier(column))
        return connection.execute(statement, [before]).rowcount
