"""PostgreSQL's binary COPY format, written from NumPy columns: a fraction of the cost of converting value by value.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-BINARY
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from core.storage.frames import POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_US

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
PIECE = 256 * 1024

WIRE_TYPES = {
    "smallint": ">i2", "integer": ">i4", "bigint": ">i8", "real": ">f4", "double precision": ">f8",
    "timestamptz": ">i8", "date": ">i4", "bytea": "V32",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column: `type` as in WIRE_TYPES (bytea: exactly 32 bytes each), one value per row.

    timestamptz are microseconds and dates are days since the Unix epoch. Where `present` is false the value is NULL.
    """

    name: str
    type: str
    values: NDArray[Any]
    present: NDArray[np.bool_] | None = None

    def wire(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        values = self.values[rows]
        if self.type == "timestamptz":
            return np.asarray(values - POSTGRES_EPOCH_US)
        if self.type == "date":
            return np.asarray(values - POSTGRES_EPOCH_DAYS)
        return np.asarray(values)


@dataclass(frozen=True)
class Payloads:
    """A column of any length, already in the type's binary form; None is NULL. Stands last."""

    name: str
    values: Sequence[bytes | None]


def copy_columns(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[Column], last: Payloads | None = None
) -> None:
    """COPY rows into a table; their order within the table is not kept. Does nothing when there are none."""
    count = len(columns[0].values)
    if count == 0:
        return
    names = [column.name for column in columns] + ([last.name] if last else [])
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        for piece in encode(columns, last):
            for start in range(0, len(piece), PIECE):
                copy.write(piece[start : start + PIECE])
        copy.write(TRAILER)


def encode(columns: Sequence[Column], last: Payloads | None = None) -> Iterator[bytes]:
    """The tuples, without header and trailer. Rows with NULLs in the same columns have one layout and go together."""
    count = len(columns[0].values)
    pattern = np.zeros(count, dtype=np.int64)
    for column in columns:
        if column.present is not None:
            pattern = pattern * 2 + column.present
    if last is not None:
        pattern = pattern * 2 + np.fromiter((value is not None for value in last.values), bool, count)
    for code in np.unique(pattern):
        rows = np.flatnonzero(pattern == code)
        fixed = _fixed(columns, last, rows)
        payload = None if last is None else last.values[int(rows[0])]
        if last is None or payload is None:
            yield fixed.tobytes()
        else:
            yield _interleave(fixed, [last.values[row] or b"" for row in rows.tolist()])


def _fixed(columns: Sequence[Column], last: Payloads | None, rows: NDArray[np.int64]) -> NDArray[Any]:
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    first = rows[0]
    for column in columns:
        layout.append((f"length {column.name}", ">i4"))
        if column.present is None or column.present[first]:
            layout.append((column.name, WIRE_TYPES[column.type]))
    if last is not None:
        layout.append((f"length {last.name}", ">i4"))
    tuples = np.empty(len(rows), dtype=layout)
    tuples["fields"] = len(columns) + (last is not None)
    for column in columns:
        if column.present is None or column.present[first]:
            tuples[f"length {column.name}"] = np.dtype(WIRE_TYPES[column.type]).itemsize
            tuples[column.name] = column.wire(rows)
        else:
            tuples[f"length {column.name}"] = -1
    if last is not None:
        tuples[f"length {last.name}"] = [
            -1 if (value := last.values[row]) is None else len(value) for row in rows.tolist()
        ]
    return tuples


def _interleave(fixed: NDArray[Any], payloads: Sequence[bytes]) -> bytes:
    size, data = fixed.dtype.itemsize, fixed.tobytes()
    parts = []
    for index, payload in enumerate(payloads):
        parts.append(data[index * size : (index + 1) * size])
        parts.append(payload)
    return b"".join(parts)
