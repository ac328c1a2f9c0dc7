"""Day partitions of the raw tables. What has no partition of its own lies in DEFAULT until it gets one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from core.storage import ledger, timescale
from core.storage.connections import Database

TABLES = timescale.TIME_COLUMNS
HELD = {
    "traffic_events_raw": "held_events",
    "deliveries_raw": "held_deliveries",
    "connections_raw": "held_connections",
}
"""Where rows of held clients go when their partition does."""
ADOPT_ROWS = 1000
"""Rows of one day in DEFAULT from which on the day gets a partition; fewer stay, so stray dates make no partitions."""
DAY = timedelta(days=1)
ATTEMPTS = 4
LOCK_PATIENCE = "2s"
"""How long a table's readers may be waited for, with everyone else waiting behind; then another time."""


def create_defaults(connection: psycopg.Connection[Any]) -> None:
    """The DEFAULT partition of every raw table. Safe to repeat."""
    for table in TABLES:
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} DEFAULT").format(
                sql.Identifier(f"{table}_default"), sql.Identifier(table)
            )
        )


def ensure(database: Database, around: datetime, *, before: int = 1, after: int = 3) -> int:
    """Create the missing partitions of the days around a moment; returns how many. Hypertables need none."""
    today = around.astimezone(UTC).date()
    return ensure_days(database, (today + DAY * offset for offset in range(-before, after + 1)))


def ensure_days(database: Database, days: Iterable[date]) -> int:
    """Create the missing partitions of these UTC days, with what DEFAULT holds of them; returns how many."""
    if database.timescale:
        return 0
    created = 0
    wanted = sorted(set(days))
    with database.connect(autocommit=True) as connection:
        for table in TABLES:
            present = existing(connection, table)
            created += sum(_create(connection, table, day) for day in wanted if day not in present)
    return created


def adopt(database: Database, *, rows: int = ADOPT_ROWS) -> int:
    """Give every day of which DEFAULT holds at least `rows` rows a partition of its own; returns how many."""
    if database.timescale:
        return 0
    created = 0
    with database.connect(autocommit=True) as connection:
        for table, column in TABLES.items():
            found = connection.execute(
                sql.SQL(
                    "SELECT ({} AT TIME ZONE 'UTC')::date FROM {} GROUP BY 1 HAVING count(*) >= %s ORDER BY 1"
                ).format(sql.Identifier(column), sql.Identifier(f"{table}_default")),
                [rows],
            )
            created += sum(_create(connection, table, day) for (day,) in found.fetchall())
    return created


def existing(connection: psycopg.Connection[Any], table: str) -> set[date]:
    """The UTC days that have a partition."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
        [table],
    )
    names = (name.removeprefix(f"{table}_") for (name,) in rows)
    return {date.fromisoformat(name) for name in names if name.isdigit()}


def drop_before(
    database: Database, when: datetime, *, tables: Iterable[str] = TABLES, mark: str = "raw_from", patience: str = "5s"
) -> int:
    """Remove rows of the whole UTC days before `when`; roll-ups stay, and rows of held clients are copied first, in the
    same transaction. Returns how many partitions went.

    `settings_store` remembers under `mark` from where on they are complete; it is set first, so that nobody counts on
    rows that are going. Each table is a transaction of its own, tried again when it met a lock or a deadlock (with a
    background job of TimescaleDB). Raises psycopg.errors.LockNotAvailable when one was in use for longer than
    `patience` each time; the others are done then.
    """
    today = when.astimezone(UTC).date()
    start = datetime(today.year, today.month, today.day, tzinfo=UTC)
    dropped = 0
    in_use: psycopg.Error | None = None
    with database.connect(autocommit=True) as connection:
        connection.execute(
            "INSERT INTO settings_store VALUES (%(mark)s, to_jsonb(%(at)s::text)) ON CONFLICT (name) DO UPDATE"
            " SET value = to_jsonb(greatest((settings_store.value #>> '{}')::timestamptz, %(at)s::timestamptz)::text)",
            {"at": start.isoformat(), "mark": mark},
        )
        for table in tables:
            for attempt in range(ATTEMPTS):
                time.sleep(attempt / 2)  # what it met may be over then
                try:
                    with connection.transaction():
                        connection.execute("SELECT set_config('lock_timeout', %s, true)", [patience])
                        gone = _drop(connection, table, start, hypertable=database.timescale)
                except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                    in_use = error
                else:
                    dropped += gone
                    break
    if in_use is not None and dropped == 0:
        raise in_use
    return dropped


def _drop(connection: psycopg.Connection[Any], table: str, start: datetime, *, hypertable: bool) -> int:
    if hypertable:
        _hold(connection, table, [(schema, name) for schema, name, _ in timescale.chunks(connection, table, start)])
        return timescale.drop_before(connection, table, start)
    _hold(connection, table, [(schema, name) for schema, name, _ in parts(connection, table, start)])
    days = sorted(day for day in existing(connection, table) if day < start.date())
    for day in days:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(f"{table}_{day:%Y%m%d}")))
    default, column = sql.Identifier(f"{table}_default"), sql.Identifier(TABLES[table])
    if table in HELD:
        connection.execute(
            sql.SQL("INSERT INTO {} SELECT * FROM {}"
                " WHERE {} < %s AND client_no IN (SELECT client_no FROM held_clients)")
            .format(sql.Identifier(HELD[table]), default, column),
            [start],
        )  # fmt: skip
    connection.execute(sql.SQL("DELETE FROM {} WHERE {} < %s").format(default, column), [start])
    return len(days)


def parts(connection: psycopg.Connection[Any], table: str, when: datetime) -> list[tuple[str, str, int]]:
    """The partitions of the days before `when`: schema, name and bytes, with indexes."""
    days = sorted(day for day in existing(connection, table) if day < when.date())
    rows = connection.execute(
        "SELECT n.nspname, c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE c.oid = ANY(%s::text[]::regclass[]) ORDER BY c.relname",
        [[f"{table}_{day:%Y%m%d}" for day in days]],
    )
    return [(schema, name, int(size)) for schema, name, size in rows.fetchall()]


def _hold(connection: psycopg.Connection[Any], table: str, going: Iterable[tuple[str, str]]) -> None:
    """Copy the rows of held clients from partitions that are going. Late ones wait until these are gone."""
    if table not in HELD or connection.execute("SELECT 1 FROM held_clients LIMIT 1").fetchone() is None:
        return
    ledger.exclude_writers(connection)
    for schema, name in going:
        connection.execute(
            sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE client_no IN (SELECT client_no FROM held_clients)").format(
                sql.Identifier(HELD[table]), sql.Identifier(schema, name)
            )
        )


def days_with(timestamps: NDArray[np.int64], rows: int) -> set[date]:
    """The UTC days that have at least `rows` of these timestamps (microseconds since the Unix epoch)."""
    days, counts = np.unique(timestamps // 86_400_000_000, return_counts=True)
    return {date(1970, 1, 1) + DAY * int(day) for day in days[counts >= rows]}


def _create(connection: psycopg.Connection[Any], table: str, day: date) -> bool:
    """One partition, in one transaction: built beside the table, filled from DEFAULT, then attached.

    The lock on DEFAULT keeps rows from being added to it between the move and the attachment. Attaching an empty
    partition waits for no reader or writer of others. But a query that was planned before the attachment, and waits for
    DEFAULT, would find moved rows neither there nor in the partition it does not know: so moving rows needs the table
    for itself. When others use it for longer than a moment, the rows stay where they are until the next time.
    """
    parts = {
        "table": sql.Identifier(table),
        "default": sql.Identifier(f"{table}_default"),
        "part": sql.Identifier(f"{table}_{day:%Y%m%d}"),
        "column": sql.Identifier(TABLES[table]),
        "start": sql.Literal(datetime(day.year, day.month, day.day, tzinfo=UTC)),
        "end": sql.Literal(datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY),
        "patience": sql.Literal(LOCK_PATIENCE),
    }

    def run(statement: str) -> psycopg.Cursor[Any]:
        return connection.execute(sql.SQL(cast("Any", statement)).format(**parts))

    def holds_rows() -> bool:
        row = run("SELECT EXISTS (SELECT FROM {default} WHERE {column} >= {start} AND {column} < {end})").fetchone()
        return bool(row and row[0])

    alone = holds_rows()
    try:
        with connection.transaction():
            run("SET LOCAL lock_timeout = {patience}")
            if alone:
                run("LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
            run("LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE")
            if holds_rows() and not alone:
                return False  # they came meanwhile
            run("CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)")
            run(
                "WITH moved AS (DELETE FROM {default} WHERE {column} >= {start} AND {column} < {end} RETURNING *)"
                " INSERT INTO {part} SELECT * FROM moved"
            )
            run("ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({start}) TO ({end})")
    except (psycopg.errors.DuplicateTable, psycopg.errors.LockNotAvailable):
        return False  # another process was faster, or the table is in use
    return True
