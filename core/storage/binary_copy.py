"""PostgreSQL's binary COPY format, written from NumPy columns: a fraction of the cost of converting value by value.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-BINARY
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from core.storage.postgres_epoch import POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_US

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
PIECE = 256 * 1024
FEW_ROWS = 8
"""Rows per length of payload from which on it pays to lay out all rows of one length together."""

Numbers = Mapping[str, NDArray[Any]]
"""For each list of names the numbers of its names, in its order."""

WIRE_TYPES = {
    "smallint": ">i2", "integer": ">i4", "bigint": ">i8", "real": ">f4", "double precision": ">f8",
    "timestamptz": ">i8", "date": ">i4", "bytea": "V32",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column: `type` as in WIRE_TYPES (bytea: exactly 32 bytes each), one value per row.

    timestamptz are microseconds and dates are days since the Unix epoch. Where `present` is false the value is NULL.
    With `names` the values are places in that list of names, and the database's numbers are put in when rows are sent.
    """

    name: str
    type: str
    values: NDArray[Any]
    present: NDArray[np.bool_] | None = None
    names: str | None = None

    def wire(self, rows: NDArray[np.int64] | slice) -> NDArray[Any]:
        values = self.values[rows]
        if self.type == "timestamptz":
            return np.asarray(values - POSTGRES_EPOCH_US)
        if self.type == "date":
            return np.asarray(values - POSTGRES_EPOCH_DAYS)
        return np.asarray(values)

    def numbered(self, numbers: Numbers) -> NDArray[Any]:
        """All values as they are sent, with the numbers of names put in."""
        return self.wire(slice(None)) if self.names is None else np.asarray(numbers[self.names][self.values])


@dataclass(frozen=True)
class Payloads:
    """A column of any length, already in the type's binary form: row by row the next `counts` of `items`, after a head
    (of one length) that says how many; NULL where the count is -1. Stands last."""

    name: str
    items: NDArray[Any]
    counts: NDArray[np.int64]
    head: Callable[[int], bytes] = lambda count: b""

    @classmethod
    def of(cls, name: str, values: Sequence[bytes | None]) -> Payloads:
        """A column of these values; None is NULL."""
        if values.count(None) == len(values):
            return cls(name, np.zeros(0, dtype=np.uint8), np.full(len(values), -1, dtype=np.int64))
        counts = np.array([-1 if value is None else len(value) for value in values], dtype=np.int64)
        return cls(name, np.frombuffer(b"".join(filter(None, values)), dtype=np.uint8), counts)

    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each, -1 where NULL."""
        return np.where(self.counts < 0, -1, len(self.head(0)) + self.counts * self.items.dtype.itemsize)

    def starts(self) -> NDArray[np.int64]:
        """Where the items of each begin."""
        taken = np.maximum(self.counts, 0)
        starts: NDArray[np.int64] = np.cumsum(taken) - taken
        return starts


@dataclass(frozen=True)
class Tails:
    """The payloads of some rows."""

    of: Payloads
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """Rows of one layout: NULLs in the same columns."""

    tuples: NDArray[Any]
    places: Mapping[str, tuple[str, NDArray[np.int64]]] = field(default_factory=dict)  # column → names, places
    tails: Tails | None = None

    def data(self, numbers: Numbers) -> Iterator[memoryview | bytes]:
        """The tuples, with the numbers of the names put in."""
        for column, (names, places) in self.places.items():
            self.tuples[column] = numbers[names][places]
        if self.tails is None:
            yield self.tuples.view(np.uint8).data
        else:
            yield from _interleaved(self.tuples, self.tails)


@dataclass(frozen=True)
class Encoded:
    """Rows ready to be sent to a table, but for the numbers of names."""

    table: str
    columns: tuple[str, ...]
    pieces: Sequence[Piece]


def encoded(table: str, columns: Sequence[Column], last: Payloads | None = None) -> Encoded:
    names = tuple(column.name for column in columns) + ((last.name,) if last else ())
    return Encoded(table, names, encode(columns, last))


def copy_columns(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[Column], last: Payloads | None = None,
    numbers: Numbers | None = None,
) -> None:  # fmt: skip
    """COPY rows into a table; their order within the table is not kept. Does nothing when there are none."""
    rows = encoded(table, columns, last)
    send(connection, rows, stream(rows, numbers or {}))


def stream(rows: Encoded, numbers: Numbers) -> memoryview:
    """The rows as COPY reads them; empty when there are none."""
    pieces = [data for piece in rows.pieces for data in piece.data(numbers)]
    return memoryview(b"".join((HEADER, *pieces, TRAILER)) if pieces else b"")


def send(connection: psycopg.Connection[Any], rows: Encoded, data: memoryview) -> None:
    """COPY what `stream` made of rows."""
    if not data:
        return
    with connection.cursor() as cursor, cursor.copy(_statement(rows.table, rows.columns)) as copy:
        for start in range(0, len(data), PIECE):
            copy.write(data[start : start + PIECE])


@lru_cache
def _statement(table: str, columns: tuple[str, ...]) -> bytes:
    composed = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    return composed.as_bytes()


def encode(columns: Sequence[Column], last: Payloads | None = None) -> list[Piece]:
    """The tuples, without header and trailer. Rows with NULLs in the same columns have one layout and go together."""
    count = len(columns[0].values)
    if count == 0:
        return []
    pattern = np.zeros(count, dtype=np.int64)
    for column in columns:
        if column.present is not None:
            pattern = pattern * 2 + column.present
    if last is not None:
        pattern = pattern * 2 + (last.counts >= 0)
    found = np.flatnonzero(np.bincount(pattern)).tolist()
    if len(found) == 1:
        return [_piece(columns, last, slice(None))]
    return [_piece(columns, last, np.flatnonzero(pattern == code)) for code in found]


def _piece(columns: Sequence[Column], last: Payloads | None, rows: NDArray[np.int64] | slice) -> Piece:
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    first = 0 if isinstance(rows, slice) else rows[0]
    present = {column.name: column for column in columns if column.present is None or column.present[first]}
    for column in columns:
        layout.append((f"length {column.name}", ">i4"))
        if column.name in present:
            layout.append((column.name, WIRE_TYPES[column.type]))
    if last is not None:
        layout.append((f"length {last.name}", ">i4"))
    # What is the same in every row is written once, and then copied whole.
    same = np.zeros(1, dtype=layout)
    same["fields"] = len(columns) + (last is not None)
    for column in columns:
        size = np.dtype(WIRE_TYPES[column.type]).itemsize
        same[f"length {column.name}"] = size if column.name in present else -1
    count = len(columns[0].values) if isinstance(rows, slice) else len(rows)
    tuples = np.repeat(same, count)
    places = {}
    for column in present.values():
        if column.names is None:
            tuples[column.name] = column.wire(rows)
        else:
            places[column.name] = (column.names, column.values[rows])
    if last is None:
        return Piece(tuples, places)
    tuples[f"length {last.name}"] = last.sizes()[rows]
    counts = last.counts[rows]
    return Piece(tuples, places, None if counts[0] < 0 else Tails(last, last.starts()[rows], counts))


def _interleaved(tuples: NDArray[Any], tails: Tails) -> Iterator[bytes]:
    """Each tuple and its payload. Rows whose payloads have one length are laid out together."""
    starts, counts, items, head_of = tails.starts, tails.counts, tails.of.items, tails.of.head
    size, item = tuples.dtype.itemsize, items.dtype.itemsize
    lengths = np.unique(counts).tolist()
    if len(lengths) * FEW_ROWS > len(counts):
        fixed, data = tuples.tobytes(), items.tobytes()
        parts: list[bytes] = []
        for index, (start, count) in enumerate(zip((starts * item).tolist(), counts.tolist(), strict=True)):
            parts += fixed[index * size : (index + 1) * size], head_of(count), data[start : start + count * item]
        yield b"".join(parts)
        return
    fixed_bytes, item_bytes = tuples.view(np.uint8).reshape(-1, size), items.view(np.uint8).reshape(-1, item)
    for count in lengths:
        rows = np.flatnonzero(counts == count)
        head = np.frombuffer(head_of(count), dtype=np.uint8)
        together = np.empty((len(rows), size + len(head) + count * item), dtype=np.uint8)
        together[:, :size] = fixed_bytes[rows]
        together[:, size : size + len(head)] = head
        taken = starts[rows][:, None] + np.arange(count)
        together[:, size + len(head) :] = item_bytes[taken].reshape(len(rows), -1)
        yield together.tobytes()
