"""Queries by their names in `core/sql`, in one snapshot; several can be under way while their answers are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from core.sql import load

Rows = list[tuple[Any, ...]]


class Read:
    """Runs queries on a connection in pipeline mode.

    Results travel in binary form: the text form of bytes is twice as long, and numbers take longer to read from it.
    Values of types without a Python twin, such as bit(n), come as bytes of their binary form.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def __call__(self, name: str, parameters: Mapping[str, Any]) -> Rows:
        """The rows of a query."""
        return self.ahead(name, parameters)()

    def mark(self, name: str) -> datetime | None:
        """A moment that is kept under a name: up to where something is built, or from where on it is kept."""
        found = self("mark", {"name": name})
        return found[0][0].astimezone(UTC) if found else None

    def ahead(self, name: str, parameters: Mapping[str, Any]) -> Callable[[], Rows]:
        """Send a query; what is returned waits for its rows. The server answers in the order of sending."""
        return self._connection.cursor(binary=True).execute(load(name), parameters).fetchall


@contextmanager
def reading(connection: psycopg.Connection[Any]) -> Iterator[Read]:
    """For queries in the transaction that the connection is in."""
    with connection.pipeline():
        yield Read(connection)
