"""Run a report's queries together: one round trip, one snapshot, so that numbers shown side by side agree.

Results travel in binary form: the text form of bytes is twice as long, and numbers take longer to read from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from struct import Struct
from typing import Any

import numpy as np
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from core.sql import load
from core.storage.database import Database

Rows = list[tuple[Any, ...]]
Read = Callable[[str, Mapping[str, Any]], Rows]
"""Runs a query of `core/sql` by its name."""

_FLOAT4 = Struct(">f")


class _ShortestReal(Loader):
    """A `real` as its text form says it: 12.3 shall not become 12.300000190734863."""

    format = Format.BINARY

    def load(self, data: Buffer) -> float:
        return float(str(np.float32(_FLOAT4.unpack(data)[0])))


def read_together(database: Database, queries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Rows]:
    """The rows of each query, given as its name in `core/sql` and its parameters, read in one read-only snapshot.

    Values of types without a Python twin, such as bit(n), come as bytes of their binary form.
    Raises DatabaseUnavailableError when the database does not answer.
    """
    with database.borrow() as connection, connection.pipeline():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursors = [_cursor(connection).execute(load(name), parameters) for name, parameters in queries]
        return [cursor.fetchall() for cursor in cursors]


@contextmanager
def snapshot(database: Database) -> Iterator[Read]:
    """For queries that follow from each other: a function that runs them by name, all in one read-only snapshot.

    Values of types without a Python twin come as bytes of their binary form.
    Raises DatabaseUnavailableError when the database does not answer.
    """
    with database.borrow() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield lambda name, parameters: _cursor(connection).execute(load(name), parameters).fetchall()


def _cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader("float4", _ShortestReal)
    return cursor
