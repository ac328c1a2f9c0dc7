"""A database of Relay Analytics: connections, a pool, an engine, and SQL into data frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from core.exceptions import DatabaseUnavailableError, StatementTimeoutError
from core.storage.adapters import adapt

if TYPE_CHECKING:  # loaded where they are used: a writer that was killed is back in half the time, with half the memory
    import pandas as pd
    from sqlalchemy import Engine

    from core.storage.replica import Replica

CONNECT_TIMEOUT = 5
"""Seconds to wait for a connection before the database counts as unavailable."""
AWAY_TIMEOUT = 0.5
"""The same once it does: a page reads several times, and must not wait for each."""
UNLIMITED = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
"""Limits that a server may set for everyone, and under which a large batch would never be stored."""
ALIVE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that vanished without a word (power, network) is noticed within half a minute, not within hours."""

_WRITE_OPTIONS = " ".join(["-c timezone=UTC -c jit=off", *(f"-c {name}=0" for name in UNLIMITED)])

Params = Mapping[str, Any] | Sequence[Any] | None


class Database:
    """One database. Nothing is opened before it is used; safe to share between threads.

    `demo` says that it holds demo data only. `read_timeout` is the limit in seconds of a statement of the pool and the
    engine; connections of `connect` have none.
    """

    replica: Replica | None = None
    """Where reports are read while it can be used; see `core.storage.replica`."""

    def __init__(self, dsn: str, *, demo: bool = False, read_timeout: float = 30.0, pool_size: int = 8) -> None:
        self.dsn = dsn
        self.demo = demo
        # A plan for any range is a poor plan for this one: reports are planned for their parameters each time.
        planned = "-c timezone=UTC -c jit=off -c plan_cache_mode=force_custom_plan"
        self._read_options = f"{planned} -c statement_timeout={int(read_timeout * 1000)}"
        self._pool_size = pool_size
        self._failed = 0
        self._away = False

    def __repr__(self) -> str:
        return f"<Database {self.name}{' (demo)' if self.demo else ''}>"

    @cached_property
    def name(self) -> str:
        return str(conninfo_to_dict(self.dsn).get("dbname", ""))

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A new connection of its own, without time limits. Raises DatabaseUnavailableError."""
        with unavailable():
            return psycopg.connect(
                self.dsn, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT, options=_WRITE_OPTIONS, **ALIVE
            )

    @cached_property
    def pool(self) -> ConnectionPool[psycopg.Connection[Any]]:
        """The pool of this process; `with database.borrow() as connection` names its failures."""
        return ConnectionPool(
            self.dsn,
            kwargs={"connect_timeout": CONNECT_TIMEOUT, "options": self._read_options, **ALIVE},
            min_size=0,
            max_size=self._pool_size,
            timeout=CONNECT_TIMEOUT + 1,
            reconnect_timeout=CONNECT_TIMEOUT,
            configure=adapt,
            check=ConnectionPool.check_connection,
            open=True,
            name=f"relay-analytics:{self.name}",
        )

    @contextmanager
    def borrow(self) -> Iterator[psycopg.Connection[Any]]:
        """A pooled connection in a transaction: committed at the end, rolled back by an exception.

        Raises DatabaseUnavailableError when there is no connection or it breaks.
        """
        with unavailable(), self._pooled() as connection:
            yield connection

    @contextmanager
    def _pooled(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            connection = self.pool.getconn(AWAY_TIMEOUT if self._away else None)
        except PoolTimeout:
            failed = self.pool.get_stats().get("connections_errors", 0)
            # without failures it is only busy, and may answer those who wait
            self._away = self._away or failed > self._failed
            self._failed = failed
            raise
        self._away = False
        try:
            with connection:
                yield connection
        finally:
            self.pool.putconn(connection)

    @cached_property
    def engine(self) -> Engine:
        """An SQLAlchemy engine, for `pandas.read_sql` and notebooks."""
        from sqlalchemy import create_engine
        from sqlalchemy.engine import make_url

        return create_engine(
            make_url(self.dsn).set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT, "options": self._read_options},
        )

    def read(self, sql: str, params: Params = None) -> pd.DataFrame:
        """The rows of a query, with the column types of `frames.fetch_frame`. Raises DatabaseUnavailableError."""
        from core.storage.frames import fetch_frame

        with unavailable(), self._pooled() as connection:
            connection.autocommit = True  # a report is one statement: spares BEGIN and COMMIT
            try:
                return fetch_frame(connection, sql, params)
            finally:
                if not connection.closed:
                    connection.autocommit = False

    @cached_property
    def timescale(self) -> bool:
        """Whether the raw tables are TimescaleDB hypertables (else: native partitions)."""
        with self.borrow() as connection:
            row = connection.execute(
                "SELECT 1 FROM settings_store WHERE name = 'raw_tables' AND value = '\"hypertables\"'"
            ).fetchone()
        return row is not None

    def close(self) -> None:
        """Close what was opened. The database can be used again afterwards."""
        if "pool" in self.__dict__:
            self.pool.close()
            del self.__dict__["pool"]
        if "engine" in self.__dict__:
            self.engine.dispose()
            del self.__dict__["engine"]
        if self.replica is not None:
            self.replica.database.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn what means "the database is not there" into DatabaseUnavailableError, and "it took too long" into
    StatementTimeoutError; other errors pass."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise StatementTimeoutError from error
    except (PoolTimeout, PoolClosed) as error:
        raise DatabaseUnavailableError(f"The database does not answer: {error}.") from error
    except psycopg.OperationalError as error:
        state = error.sqlstate
        # No state: the connection failed or broke. 08: connection, 57P: shutdown and start, 53300: too many clients.
        if state is None or state.startswith(("08", "57P")) or state == "53300":
            raise DatabaseUnavailableError(f"The database does not answer: {str(error).strip()}") from error
        raise
