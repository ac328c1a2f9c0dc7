"""Bring a database to this version's schema: numbered SQL files, each applied once, in a transaction, under a lock."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import structlog

from core.exceptions import MigrationError
from core.jobs import schema
from core.storage import partitions, timescale
from core.storage.connections import Database

log = structlog.get_logger()

DIRECTORY = Path(__file__).parent / "migrations"
LOCK = 7_130_001
FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
BREAKS = "-- Breaks earlier versions:"
"""How a migration begins after which the version before it cannot go on. Every other one only adds."""

REGISTER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    breaking   boolean NOT NULL DEFAULT false
);
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = 'schema_migrations'::regclass AND attname = 'breaking') THEN
        ALTER TABLE schema_migrations ADD COLUMN breaking boolean NOT NULL DEFAULT false;
    END IF;
END $$"""
"""The column `breaking` came later. ALTER TABLE only when it lacks: it would wait for a backup that runs."""
APPLIED = """
SELECT version, checksum, applied_at, coalesce((to_jsonb(m) ->> 'breaking')::boolean, false)
FROM schema_migrations m ORDER BY version"""


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def breaking(self) -> bool:
        """Whether earlier versions must not use the database after it."""
        return self.sql.startswith(BREAKS)


@dataclass(frozen=True)
class Applied:
    """A migration as the register of a database has it."""

    checksum: str
    at: datetime
    breaking: bool


@dataclass(frozen=True)
class Status:
    """One migration as the database knows it; `applied_at` None: still to do."""

    version: int
    name: str
    applied_at: datetime | None


def declared(directory: Path = DIRECTORY) -> list[Migration]:
    """The migrations of this version, in order. Raises MigrationError when a number is missing or given twice."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_what_it_does.sql.")
        found.append(Migration(int(match[1]), match[2], path.read_text()))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"The files in {directory} are not numbered 0001, 0002, … without gaps.")
    return found


def migrate(database: Database, migrations: Sequence[Migration] | None = None) -> list[Migration]:
    """Apply what is missing; returns what was applied. Any number of processes may call it at once.

    A database that a later version has migrated is used as it is, unless one of its migrations breaks earlier versions:
    so the two can run side by side while an update is under way.

    Raises MigrationError when the database was migrated by other files than ours or a migration fails (nothing of it
    stays then), DatabaseUnavailableError when there is no connection.
    """
    wanted = declared() if migrations is None else list(migrations)
    with database.connect(autocommit=True) as connection, _locked(connection):
        connection.execute("SET client_min_messages = warning")
        connection.execute(REGISTER)
        done = _check(wanted, _applied(connection))
        hypertables = _uses_hypertables(database, connection, first=not done)
        missing = [migration for migration in wanted if migration.version not in done]
        for migration in missing:
            _apply(connection, migration, hypertables=hypertables)
        _finish(connection, database, hypertables=hypertables)
    return missing


def status(database: Database) -> list[Status]:
    """Every migration, applied or not. Raises MigrationError like `migrate`; changes nothing."""
    with database.connect() as connection:
        known = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
        applied = _applied(connection) if known and known[0] else {}
    wanted = declared()
    _check(wanted, applied)
    times = {version: one.at for version, one in applied.items()}
    return [Status(migration.version, migration.name, times.get(migration.version)) for migration in wanted]


@contextmanager
def _locked(connection: psycopg.Connection[Any]) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _applied(connection: psycopg.Connection[Any]) -> dict[int, Applied]:
    return {version: Applied(*rest) for version, *rest in connection.execute(APPLIED)}


def _check(wanted: Sequence[Migration], applied: Mapping[int, Applied]) -> set[int]:
    checksums = {migration.version: migration.checksum for migration in wanted}
    later = [version for version in applied if version not in checksums]
    for version, one in applied.items():
        if version in later and one.breaking:
            raise MigrationError(
                f"The database has migration {version:04}, which this version does not know and cannot work with: it "
                "was made by a newer Relay Analytics. Update Relay Analytics, or restore a backup from before."
            )
        if version not in later and checksums[version] != one.checksum:
            raise MigrationError(
                f"Migration {version:04} was changed after it was applied to this database. "
                "Put the original file back and make the change in a new migration."
            )
    if later:
        log.warning("The database was migrated by a later version, which this one can work with", migrations=later)
    return set(applied)


def _uses_hypertables(database: Database, connection: psycopg.Connection[Any], *, first: bool) -> bool:
    """Decided once, when the database is empty: tables cannot change their kind later."""
    if first:
        return timescale.switch_on(database)
    row = connection.execute("SELECT value #>> '{}' FROM settings_store WHERE name = 'raw_tables'").fetchone()
    return row is not None and row[0] == "hypertables"


def _apply(connection: psycopg.Connection[Any], migration: Migration, *, hypertables: bool) -> None:
    sql = timescale.without_partitioning(migration.sql) if hypertables else migration.sql
    try:
        with connection.transaction():
            connection.execute(sql.encode())
            connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum, breaking) VALUES (%s, %s, %s, %s)",
                [migration.version, migration.name, migration.checksum, migration.breaking],
            )
            if migration.version == 1:
                connection.execute(
                    "INSERT INTO settings_store VALUES ('raw_tables', to_jsonb(%s::text)) ON CONFLICT DO NOTHING",
                    ["hypertables" if hypertables else "partitions"],
                )
    except psycopg.Error as error:
        raise MigrationError(f"Migration {migration.version:04} ({migration.name}) failed: {error}".strip()) from error


def _finish(connection: psycopg.Connection[Any], database: Database, *, hypertables: bool) -> None:
    """What depends on the server and not on the version."""
    row = connection.execute("SELECT to_regclass('traffic_events_raw') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return
    with connection.transaction():
        if hypertables:
            timescale.apply(connection)
        else:
            partitions.create_defaults(connection)
        schema.install(connection)
        if database.demo:
            connection.execute("INSERT INTO settings_store VALUES ('demo', 'true') ON CONFLICT DO NOTHING")
