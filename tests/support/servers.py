"""The database servers of the tests: one embedded server for all test processes of a checkout, fast, forgetful."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from core.settings import ROOT
from core.storage.connections import Database
from core.storage.database import with_database
from core.storage.embedded import EmbeddedServer
from core.storage.migrate import declared, migrate


@contextmanager
def shared_server() -> Iterator[EmbeddedServer]:
    """The server all test processes share. The last one to leave stops it and removes its directory."""
    mark = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    place = Path(tempfile.gettempdir()) / f"relay-analytics-tests-{os.getuid()}-{mark}"
    place.parent.mkdir(exist_ok=True)
    server = EmbeddedServer(place / "postgres", shared_buffers_mb=64, max_connections=200, durable=False)
    with place.with_suffix(".users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            server.ensure(60)
            yield server
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # others still use it
            else:
                server.stop()
                shutil.rmtree(server.home.resolve(), ignore_errors=True)
                shutil.rmtree(place, ignore_errors=True)


def template_database(server_dsn: str) -> str:
    """Name of a migrated database to copy, made once per server and version of the migrations."""
    checksum = hashlib.sha256("".join(migration.checksum for migration in declared()).encode()).hexdigest()[:12]
    name = f"template_{checksum}"
    with psycopg.connect(with_database(server_dsn, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(4711)")
        ready = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", [name]).fetchone()
        if ready is None:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
            with Database(with_database(server_dsn, name)) as database:
                migrate(database)
            connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(name)))
    return name


@contextmanager
def empty_database(server_dsn: str, template: str = "template0") -> Iterator[str]:
    """DSN of a new database, dropped afterwards."""
    name = f"test_{uuid4().hex[:16]}"
    with psycopg.connect(with_database(server_dsn, "postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield with_database(server_dsn, name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def fresh_database(server_dsn: str, *, copy: bool = True) -> Iterator[Database]:
    """A new migrated database. `copy` takes a ready one (its background workers forbid that on TimescaleDB)."""
    template = template_database(server_dsn) if copy else "template0"
    with empty_database(server_dsn, template) as dsn, Database(dsn) as made:
        if not copy:
            migrate(made)
        yield made
