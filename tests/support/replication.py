"""A PostgreSQL server and a streaming standby of it, from the embedded binaries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from core.storage import embedded_places as places

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = '64MB'
fsync = off
wal_level = replica
hot_standby_feedback = on
max_standby_streaming_delay = 0
timezone = 'UTC'
"""


@dataclass(frozen=True)
class Server:
    """A running server. Anyone on this machine may connect: for tests only."""

    home: Path
    binaries: Path
    owner: places.Owner
    port: int

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self._control("-l", self.home.with_suffix(".log"), "start")

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _control(self, *arguments: str | Path) -> None:
        done = places.run_as(self.owner, self.binaries / "pg_ctl", "-D", self.home, "-w", *arguments)
        assert done.returncode == 0, done.stdout


@dataclass(frozen=True)
class Pair:
    """A primary and its standby."""

    primary: Server
    standby: Server

    def caught_up(self) -> None:
        """Return once the standby has replayed what the primary has written by now."""
        (position,) = self.primary.execute("SELECT pg_current_wal_flush_lsn()::text")[0]
        with psycopg.connect(self.standby.dsn(), autocommit=True) as connection:
            while not connection.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]).fetchone()[0]:  # type: ignore[index]
                connection.execute("SELECT pg_sleep(0.01)")


@contextmanager
def streaming_pair(directory: Path) -> Iterator[Pair]:
    """Both servers, running; stopped afterwards."""
    owner = places.prepare_home(directory / "servers", "nobody")
    directory = (directory / "servers").resolve()
    binaries = places.binaries(owner)
    primary = Server(directory / "primary", binaries, owner, places.free_port(directory / "port-1", patience=2.0))
    made = places.run_as(
        owner, binaries / "initdb", "-D", primary.home, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
        "--locale=C.UTF-8",
    )  # fmt: skip
    assert made.returncode == 0, made.stdout
    _configure(primary)
    primary.start()
    try:
        standby = Server(directory / "standby", binaries, owner, places.free_port(directory / "port-2", patience=2.0))
        copied = places.run_as(
            owner, binaries / "pg_basebackup", "-h", "127.0.0.1", "-p", primary.port, "-U", "postgres",
            "-D", standby.home, "-X", "stream", "-c", "fast", "--no-sync", "--write-recovery-conf",
        )  # fmt: skip
        assert copied.returncode == 0, copied.stdout
        _configure(standby)
        standby.start()
        try:
            yield Pair(primary, standby)
        finally:
            places.run_as(owner, binaries / "pg_ctl", "-D", standby.home, "-m", "immediate", "stop")
    finally:
        primary.stop()


def _configure(server: Server) -> None:
    with (server.home / "postgresql.conf").open("a") as file:
        file.write(f"{CONFIGURATION}port = {server.port}\n")
