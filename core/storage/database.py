"""Which database to use: DATABASE_URL or the embedded server, the real database or the demo's."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from core.exceptions import DatabaseUnavailableError
from core.settings import Settings
from core.storage.connections import CONNECT_TIMEOUT, Database, unavailable
from core.storage.embedded import EmbeddedServer

__all__ = ["Database", "drop_demo", "embedded_server", "open_database", "resolve_dsn", "unavailable"]

REAL = "relay_analytics"
DEMO_SUFFIX = "_demo"


def embedded_server(settings: Settings) -> EmbeddedServer:
    """The embedded server of these settings; not started yet."""
    return EmbeddedServer(settings.data_dir / "postgres")


def resolve_dsn(settings: Settings, *, demo: bool | None = None) -> str:
    """URL of the database to use, created (empty) if missing; starts the embedded server when that one is meant.

    `demo` overrides the setting DEMO. Raises DatabaseUnavailableError when the server does not answer or the database
    is missing and may not be created.
    """
    return open_database(settings, demo=demo).dsn


def open_database(settings: Settings, *, demo: bool | None = None) -> Database:
    """The database to use (see `resolve_dsn`), not migrated: call `migrate` at the start of a process."""
    real = _real_dsn(settings)
    wants_demo = demo if demo is not None else _wants_demo(settings, real)
    dsn = with_database(real, database_of(real) + DEMO_SUFFIX) if wants_demo else real
    _create_if_missing(dsn)
    return Database(dsn, demo=wants_demo)


def drop_demo(settings: Settings) -> bool:
    """Remove the demo database and everything in it, ending connections to it. False when there was none."""
    real = _real_dsn(settings)
    name = database_of(real) + DEMO_SUFFIX
    with _maintenance(real) as connection:
        existed = _exists(connection, name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    return existed


def database_of(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")


def with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path="/" + quote(name)))


def _real_dsn(settings: Settings) -> str:
    if settings.database_dsn is not None:
        return settings.database_dsn
    server = embedded_server(settings)
    server.ensure()
    return server.dsn(REAL)


def _wants_demo(settings: Settings, real: str) -> bool:
    if settings.demo != "auto":
        return settings.demo == "on"
    return not settings.expects_traffic and not _in_use(real)


def _in_use(dsn: str) -> bool:
    """Whether the real database exists and was migrated once."""
    with _maintenance(dsn) as connection:
        if not _exists(connection, database_of(dsn)):
            return False
    with Database(dsn).connect() as connection:
        row = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
        return bool(row and row[0])


def _maintenance(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection to a database that surely exists: `postgres`, else (closed to this user) the named one."""
    options = {"autocommit": True, "connect_timeout": CONNECT_TIMEOUT}
    try:
        return psycopg.connect(with_database(dsn, "postgres"), **options)  # type: ignore[arg-type]
    except psycopg.OperationalError:
        with unavailable():
            return psycopg.connect(dsn, **options)  # type: ignore[arg-type]


def _exists(connection: psycopg.Connection[tuple[object, ...]], name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _create_if_missing(dsn: str) -> None:
    name = database_of(dsn)
    with _maintenance(dsn) as connection:
        if _exists(connection, name):
            return
        # template0: a template that already loaded another version of TimescaleDB would forbid ours.
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        try:
            connection.execute(statement)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was faster
        except psycopg.errors.InsufficientPrivilege as error:
            user = connection.info.user
            raise DatabaseUnavailableError(
                f"The database {name} does not exist and user {user} may not create it. "
                f"Let an administrator run: CREATE DATABASE {name} OWNER {user} TEMPLATE template0;"
            ) from error
