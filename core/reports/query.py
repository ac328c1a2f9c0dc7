"""Run a report's queries together: one round trip, one snapshot, so that numbers shown side by side agree.

Results travel in binary form: the text form of bytes is twice as long, and numbers take longer to read from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from core.sql import load
from core.storage.database import Database

Rows = list[tuple[Any, ...]]
Read = Callable[[str, Mapping[str, Any]], Rows]
"""Runs a query of `core/sql` by its name."""


def read_together(database: Database, queries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Rows]:
    """The rows of each query, given as its name in `core/sql` and its parameters, read in one read-only snapshot.

    Values of types without a Python twin, such as bit(n), come as bytes of their binary form.
    Raises DatabaseUnavailableError when the database does not answer.
    """
    with database.borrow() as connection, connection.pipeline():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursors = [connection.execute(load(name), parameters, binary=True) for name, parameters in queries]
        return [cursor.fetchall() for cursor in cursors]


@contextmanager
def snapshot(database: Database) -> Iterator[Read]:
    """For queries that follow from each other: a function that runs them by name, all in one read-only snapshot.

    Values of types without a Python twin come as bytes of their binary form.
    Raises DatabaseUnavailableError when the database does not answer.
    """
    with database.borrow() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield lambda name, parameters: connection.execute(load(name), parameters, binary=True).fetchall()
