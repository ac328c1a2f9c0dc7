"""The database and its replica: reachable, new enough, allowed enough, in time, up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg

from cli.checks.finding import Finding, fail, ok, warn
from core import formats
from core.accounts import users
from core.exceptions import DatabaseUnavailableError, RelayAnalyticsError
from core.settings import Settings
from core.storage import migrate, partitions
from core.storage.connections import Database
from core.storage.database import DEMO_SUFFIX, REAL, database_of, embedded_server, with_database
from core.storage.embedded import EmbeddedServer
from core.storage.replica import state_of

OLDEST = 150000
"""`server_version_num` of PostgreSQL 15."""
SKEW = 2.0
SHORTEST_PASSWORD = 12
SPARE_CONNECTIONS = 40
"""What API, dashboard, writer and jobs may open together."""
LOCAL = {"localhost", "127.0.0.1", "::1", ""}
ABOUT = """
SELECT current_setting('server_version_num')::integer, current_setting('server_version'), clock_timestamp(),
       pg_is_in_recovery(), has_schema_privilege(current_user, 'public', 'CREATE'),
       current_setting('max_connections')::integer - (SELECT count(*) FROM pg_stat_activity),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), pg_database_size(current_database()),
       to_regclass('schema_migrations') IS NOT NULL"""
DEFAULTED = "SELECT 1 FROM {} LIMIT 1"


def database(settings: Settings) -> Iterator[Finding]:
    """Everything about the server that DATABASE_URL names, or the embedded one."""
    dsn = settings.database_dsn
    if dsn is None:
        server = embedded_server(settings)
        if not server.is_running():
            yield ok("database", f"The embedded one in {server.home} does not run; it starts with the program.")
            return
        dsn = _embedded(server)
    else:
        yield from _password(dsn)
    with closing(Database(dsn)) as opened:
        before = datetime.now(UTC)
        try:
            with opened.connect(autocommit=True) as connection:
                row = connection.execute(ABOUT).fetchone()
                after = datetime.now(UTC)
        except DatabaseUnavailableError as error:
            yield fail("database", str(error), "Start it, or set DATABASE_URL (and DATABASE_PASSWORD) right.")
            return
        assert row is not None  # noqa: S101 (it always has one row)
        yield from _server(row, dsn)
        yield from _clock(before, row[2], after)
        try:
            if row[9]:
                yield from _schema(opened)
        except psycopg.errors.InsufficientPrivilege as error:
            yield fail("rights", f"{error}".strip(), "The tables belong to another user: connect as that one.")


def _embedded(server: EmbeddedServer) -> str:
    """The real database; while there is none, that of the demo."""
    real = server.dsn(REAL)
    with closing(Database(server.dsn("postgres"))) as maintenance:
        names = set(maintenance.read("SELECT datname FROM pg_database")["datname"])
    return real if REAL in names else with_database(real, REAL + DEMO_SUFFIX)


def replica(settings: Settings) -> Iterator[Finding]:
    """How far DATABASE_READ_URL is behind."""
    if settings.database_read_dsn is None:
        return
    with closing(Database(settings.database_read_dsn)) as opened:
        try:
            state = state_of(opened)
        except (DatabaseUnavailableError, psycopg.Error) as error:
            yield warn(
                "replica", f"{error}".strip(), "Reports are read from the server itself meanwhile; start the replica."
            )
            return
    if state.replayed is None:
        yield warn(
            "replica", "DATABASE_READ_URL names a server that is no standby.", "Name a streaming replica, or unset it."
        )
    elif state.lag > settings.database_read_max_lag:
        yield warn(
            "replica", f"It is {state.lag:,.0f} s behind: reports are read from the server itself.",
            "Nothing may have been written for so long; else see pg_stat_replication on the server.",
        )  # fmt: skip
    else:
        yield ok("replica", f"It is {state.lag:.1f} s behind.")


def _password(dsn: str) -> Iterator[Finding]:
    url = urlsplit(dsn)
    if url.password is None:
        yield ok("database password", "None is set here: the server decides how it knows us.")
    elif len(url.password) < SHORTEST_PASSWORD and (url.hostname or "") not in LOCAL:
        yield warn(
            "database password",
            f"It is shorter than {SHORTEST_PASSWORD} characters.",
            "Set a generated one: openssl rand -hex 24",
        )
    else:
        yield ok(
            "database password",
            "It is no placeholder" + ("." if len(url.password) < SHORTEST_PASSWORD else ", and long enough."),
        )


def _server(row: tuple[Any, ...], dsn: str) -> Iterator[Finding]:
    number, version, _, standby, may_create, spare, offered, loaded, size, _ = row
    if number < OLDEST:
        yield fail("database", f"It is PostgreSQL {version}.", "Update it to PostgreSQL 15 or newer.")
    else:
        yield ok("database", f"PostgreSQL {version}, database {database_of(dsn)}, {formats.size(size)}.")
    if standby:
        yield fail(
            "database",
            "DATABASE_URL names a standby, which takes no writes.",
            "Name the primary; the standby is DATABASE_READ_URL.",
        )
    if not may_create:
        name = database_of(dsn)
        yield fail(
            "rights",
            "The user may not create tables.",
            f"An administrator: ALTER DATABASE {name} OWNER TO …; or GRANT CREATE ON SCHEMA public",
        )
    else:
        yield ok("rights", "The user may create tables.")
    if spare < SPARE_CONNECTIONS:
        yield warn(
            "connections", f"{spare} connections are left.", "Raise max_connections of the server, to 100 at least."
        )
    if loaded:
        yield ok("TimescaleDB", f"Version {loaded}.")
    elif offered:
        yield warn(
            "TimescaleDB",
            f"{offered} is installed and not switched on.",
            "For a new database: an administrator runs CREATE EXTENSION timescaledb in it, before the first start.",
        )
    else:
        yield ok("TimescaleDB", "It is not there; day partitions do.")


def _clock(before: datetime, server: datetime, after: datetime) -> Iterator[Finding]:
    """The server answered between `before` and `after`: what lies outside is skew."""
    off = max((before - server).total_seconds(), (server - after).total_seconds(), 0.0)
    if off > SKEW:
        yield warn(
            "clocks",
            f"This machine and the database differ by {off:.1f} s.",
            "Let both keep time with NTP (timedatectl).",
        )
    else:
        yield ok("clocks", "This machine and the database agree.")


def _schema(opened: Database) -> Iterator[Finding]:
    try:
        missing = [one.version for one in migrate.status(opened) if one.applied_at is None]
    except RelayAnalyticsError as error:
        yield fail("schema", str(error), "See docs/upgrading.md.")
        return
    if missing:
        yield warn(
            "schema",
            f"{len(missing)} migrations are to come.",
            "The next start applies them, or now: relay-analytics migrate",
        )
        return
    yield ok("schema", "It is that of this version.")
    yield from _partitions(opened)
    if users.listing(opened):
        yield ok("users", "Somebody can sign in.")
    else:
        yield warn("users", "Nobody can sign in.", "relay-analytics user add admin --role admin")


def _partitions(opened: Database) -> Iterator[Finding]:
    if opened.timescale:
        return
    with opened.connect(autocommit=True) as connection:
        today = datetime.now(UTC).date()
        missing = [table for table in partitions.TABLES if today not in partitions.existing(connection, table)]
    if missing:
        yield warn(
            "partitions",
            f"There is none for today of {', '.join(missing)}.",
            "The writer makes them: see that it runs (relay-analytics status).",
        )
    else:
        yield ok("partitions", "Those of today are there.")
