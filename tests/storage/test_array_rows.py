"""Rows of arrays, as the database reads them and as they are read back."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.storage.array_rows import ELEMENT_TYPES, ArrayColumn, ArrayRows, elements_of, insert_rows
from core.storage.binary_copy import Column
from core.storage.connections import Database

ROWS = st.lists(st.lists(st.tuples(st.integers(-(2**15), 2**15 - 1), st.integers(0, 2)), max_size=5), max_size=6)
NAMES = np.array([70_000, 5, 0])


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows=ROWS)
def test_arrays_are_stored_row_by_row_and_read_back(database: Database, rows: list[list[tuple[int, int]]]) -> None:
    together = [pair for row in rows for pair in row]
    sizes = np.array([len(row) for row in rows], dtype=np.int64)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    numbers = np.array([number for number, _ in together], dtype=np.int64)
    names = np.array([name for _, name in together], dtype=np.int64)
    arrays = [ArrayColumn.of(Column(kind, kind, numbers), starts, ends) for kind in ELEMENT_TYPES]
    arrays.append(ArrayColumn.of(Column("name", "integer", names, names="names"), starts, ends))
    encoded = ArrayRows("arrays", [Column("row", "integer", np.arange(len(rows)))], arrays)
    with database.connect() as connection:
        types = ", ".join(f'"{kind}" {kind}[]' for kind in ELEMENT_TYPES)
        connection.execute(f'CREATE TEMPORARY TABLE arrays ("row" integer, {types}, "name" integer[])'.encode())
        for _ in range(2):  # numbers may be put in again
            insert_rows(connection, encoded, {"names": NAMES})
        assert read(connection, "smallint", "integer", "bigint", "double precision", "name") == sorted(
            2 * [
                (place, *(4 * [[number for number, _ in row]]), [int(NAMES[name]) for _, name in row])
                for place, row in enumerate(rows)
            ]
        )  # fmt: skip
        for kind in ("smallint", "integer", "bigint", "double precision"):
            sent = connection.execute(f'SELECT DISTINCT "row", array_send("{kind}") FROM arrays ORDER BY 1'.encode())
            assert [elements_of(data, kind).tolist() for _, data in sent] == [[n for n, _ in row] for row in rows]


def read(connection: psycopg.Connection[Any], *columns: str) -> list[tuple[Any, ...]]:
    named = ", ".join(f'"{column}"' for column in columns)
    return sorted(connection.execute(f'SELECT "row", {named} FROM arrays'.encode()).fetchall())


def test_a_column_of_another_type_is_refused(database: Database) -> None:
    encoded = ArrayRows(
        "arrays",
        [Column("row", "integer", np.array([1]))],
        [ArrayColumn.of(Column("n", "bigint", np.array([7])), np.array([0]), np.array([1]))],
    )
    with database.connect() as connection:
        connection.execute('CREATE TEMPORARY TABLE arrays ("row" integer, n integer[])')
        with pytest.raises(psycopg.errors.DatatypeMismatch):
            insert_rows(connection, encoded, {})
