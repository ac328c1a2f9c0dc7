"""Large results of integers as NumPy columns: several times quicker than rows of Python integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg

HEADER = 19
"""Bytes before the first row of a binary COPY without flags and extensions."""
TRAILER = 2


def fetch_integers(
    connection: psycopg.Connection[Any], query: str, parameters: Mapping[str, Any], columns: int
) -> npt.NDArray[np.int64]:
    """The rows of a query of `columns` columns, each a bigint and never null, as an array (rows, columns).

    Raises ValueError for a value that is null or not of eight bytes.
    """
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)".encode(), parameters) as copy,
    ):
        data = b"".join(copy)
    # Each row: how many fields, then of each its length and its value.
    row = np.dtype([("fields", ">i2"), *((f"{part}{n}", kind) for n in range(columns) for part, kind in _FIELD)])
    body = len(data) - HEADER - TRAILER
    if body % row.itemsize:
        raise ValueError("a column is no bigint, or null")
    rows = np.frombuffer(data, dtype=row, count=body // row.itemsize, offset=HEADER)
    table = np.empty((len(rows), columns), dtype=np.int64)
    for n in range(columns):
        if (rows[f"length{n}"] != 8).any():
            raise ValueError(f"column {n + 1} is no bigint, or null")
        table[:, n] = rows[f"value{n}"]
    return table


_FIELD = (("length", ">i4"), ("value", ">i8"))
