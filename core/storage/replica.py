"""Reports from a read replica: a streaming standby of the database that is kept a little behind it.

It is asked once a second how far it is behind. While it does not answer, is too far behind, or has not followed an
update of the schema yet, reports are read from the server itself, where all is written and every sign-in is checked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import psycopg
import structlog

from core.exceptions import DatabaseUnavailableError
from core.settings import Settings
from core.storage.connections import Database
from core.storage.database import database_of, with_database
from core.storage.migrate import declared

log = structlog.get_logger()
T = TypeVar("T")

LOOK_SECONDS = 1.0
AWAY_SECONDS = 5.0
"""How long a replica that failed is left alone: nobody should wait for it again and again."""

STATE = """
SELECT pg_is_in_recovery(),
       greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::float8,
       pg_last_xact_replay_timestamp(),
       (SELECT max(version) FROM schema_migrations)"""


@dataclass(frozen=True)
class State:
    """How a replica stands. By the clocks of both servers, and an upper bound: when nothing is written, it grows."""

    lag: float
    """Seconds since the last transaction that it has replayed; 0 on a server that is no standby."""
    replayed: datetime | None
    """When that was committed; None on a server that is no standby, which has everything."""
    schema: int


class Replica:
    """A replica, and whether it can be read from. Safe to share between threads.

    `max_lag`: seconds that it may be behind; `schema`: number of the migration that it must have.
    """

    def __init__(self, database: Database, max_lag: float, schema: int) -> None:
        self.database = database
        self._max_lag = max_lag
        self._schema = schema
        self._looking = threading.Lock()
        self._looked = -LOOK_SECONDS
        self._away_until = 0.0
        self._usable: State | None = None
        self._said: str | None = None

    def usable(self) -> State | None:
        """Its state, about a second old; None: read elsewhere. One caller looks, and no other waits for it."""
        if self._looking.acquire(blocking=False):
            try:
                now = time.monotonic()
                if now >= self._away_until and now - self._looked >= LOOK_SECONDS:
                    self._looked = now
                    self._usable = self._judged(state_of(self.database))
            except (DatabaseUnavailableError, psycopg.Error) as error:
                self.failed(error)
            finally:
                self._looking.release()
        return self._usable

    def failed(self, error: Exception) -> None:
        """It does not answer, or broke off while it was read from."""
        self._usable, self._away_until = None, time.monotonic() + AWAY_SECONDS
        self._say("it does not answer", error=str(error).strip())

    def _judged(self, state: State) -> State | None:
        if state.lag > self._max_lag:
            self._say("it is too far behind", seconds=round(state.lag))
            return None
        if state.schema < self._schema:
            self._say("its schema is behind", schema=state.schema)
            return None
        if self._said is not None:
            log.info("Reports are read from the replica again", seconds_behind=round(state.lag, 1))
            self._said = None
        return state

    def _say(self, why: str, **more: object) -> None:
        if self._said != why:
            log.warning("The replica is not read from", why=why, **more)
        self._said = why


def state_of(database: Database) -> State:
    """How the server stands, asked now over a new connection: a pool would try for seconds to reach a server that is
    down. Raises DatabaseUnavailableError, psycopg.Error."""
    with database.connect(autocommit=True) as connection:
        row = connection.execute(STATE).fetchone()
    assert row is not None  # noqa: S101 (it always has one row)
    standby, lag, replayed, schema = row
    if not standby:
        return State(0.0, None, schema)
    return State(float("inf") if lag is None else lag, replayed, schema)


def with_replica(database: Database, settings: Settings, *, read_timeout: float = 30.0, pool_size: int = 8) -> Database:
    """`database`, whose reports are read from DATABASE_READ_URL, if that is set."""
    dsn = settings.database_read_dsn
    if dsn is not None:
        copy = with_database(dsn, database_of(database.dsn))
        read = Database(copy, demo=database.demo, read_timeout=read_timeout, pool_size=pool_size)
        database.replica = Replica(read, settings.database_read_max_lag, len(declared()))
    return database


def read_from(database: Database, read: Callable[[Database], T]) -> tuple[T, float | None]:
    """What `read` makes of the replica, and how many seconds that was behind; of `database` itself, and None, when
    there is none that can be used, or it breaks off."""
    replica = database.replica
    state = replica.usable() if replica is not None else None
    if replica is not None and state is not None:
        try:
            return read(replica.database), state.lag
        except (
            DatabaseUnavailableError,
            psycopg.errors.SerializationFailure,
        ) as error:  # the latter: replay went first
            replica.failed(error)
    return read(database), None


def connect_up_to(database: Database, end: datetime) -> psycopg.Connection[Any]:
    """A connection of its own to the replica if that has replayed what was committed at `end`, and can be used; else to
    `database` itself. Raises DatabaseUnavailableError."""
    replica = database.replica
    state = replica.usable() if replica is not None else None
    if replica is not None and state is not None and (state.replayed is None or state.replayed >= end):
        try:
            return replica.database.connect(autocommit=True)
        except DatabaseUnavailableError as error:
            replica.failed(error)
    return database.connect(autocommit=True)
