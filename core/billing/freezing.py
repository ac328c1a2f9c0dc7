"""Storing lines that will not change any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from core.billing.checksums import line_checksum
from core.billing.lines import FIELDS, Lines
from core.sql import load
from core.storage.connections import Database, unavailable


@contextmanager
def freezing(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """One transaction over one snapshot, which begins once no other closes or adjusts; all of it or nothing is stored.

    Raises DatabaseUnavailableError.
    """
    with unavailable(), database.connect() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # Taking a lock fixes no snapshot yet: the first query after it sees what the one before us stored.
        connection.execute("LOCK TABLE billing_periods IN SHARE ROW EXCLUSIVE MODE")
        yield connection


def rows_of(connection: psycopg.Connection[Any], period_id: int, number: int, lines: Lines) -> list[tuple[Any, ...]]:
    """The rows of `billing_lines`; the last value of each is its checksum."""
    found = connection.execute(load("clients_named"), {"numbers": lines.clients.tolist()}).fetchall()
    names = {row[0]: row[1] for row in found}
    return [
        (period_id, number, client, names[client], *numbers, line_checksum(period_id, number, names[client], numbers))
        for client, numbers in zip(lines.clients.tolist(), lines.table.tolist(), strict=True)
    ]


def store_rows(connection: psycopg.Connection[Any], rows: list[tuple[Any, ...]]) -> None:
    """Store what `rows_of` made; their entry must be stored already."""
    columns = ", ".join(("period_id", "number", "client_no", "client_id", *FIELDS, "checksum"))
    with connection.cursor() as cursor, cursor.copy(f"COPY billing_lines ({columns}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
