"""Run a report's queries together: one round trip, one snapshot, so that numbers shown side by side agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, cast

import psycopg
from psycopg_pool import PoolTimeout

from core.exceptions import DatabaseUnavailableError
from core.sql import load
from core.storage.database import Database

Rows = list[tuple[Any, ...]]


def read_together(database: Database, queries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Rows]:
    """The rows of each query, given as its name in `core/sql` and its parameters, read in one read-only snapshot.

    Raises DatabaseUnavailableError when the database does not answer.
    """
    try:
        with database.pool.connection() as connection, connection.pipeline():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursors = [
                connection.execute(cast("LiteralString", load(name)), parameters) for name, parameters in queries
            ]
            return [cursor.fetchall() for cursor in cursors]
    except (psycopg.OperationalError, PoolTimeout) as error:
        raise DatabaseUnavailableError(f"The database does not answer: {error}") from error
