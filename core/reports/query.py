"""Run a report's queries together: one snapshot, so that numbers shown side by side agree, and few round trips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from core.storage.database import Database
from core.storage.reading import Read, Rows, reading

__all__ = ["Read", "Rows", "read_together", "snapshot"]


def read_together(database: Database, queries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Rows]:
    """The rows of each query, given as its name in `core/sql` and its parameters, read in one read-only snapshot.

    Raises DatabaseUnavailableError when the database does not answer.
    """
    with snapshot(database) as read:
        answers = [read.ahead(name, parameters) for name, parameters in queries]
        return [answer() for answer in answers]


@contextmanager
def snapshot(database: Database) -> Iterator[Read]:
    """For queries that follow from each other: runs them by name, all in one read-only snapshot (see `Read`).

    Raises DatabaseUnavailableError when the database does not answer.
    """
    with database.borrow() as connection, reading(connection) as read:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield read
