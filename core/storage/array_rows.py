"""Rows of arrays, made from NumPy columns and sent as parameters of an INSERT in their binary form.

The form of an array is that of `array_send`: dimensions, whether there are nulls, the type of the elements, then length
and lower bound of each dimension, and each element after its length. Few rows that are long: a COPY for each table
would wait twice for the server, and a dozen INSERTs go in one pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from core.storage.binary_copy import WIRE_TYPES, Column, Numbers

ELEMENT_TYPES = {
    "smallint": 21, "integer": 23, "bigint": 20, "double precision": 701, "timestamptz": 1184,
}  # fmt: skip
"""Object identifiers of the types, fixed in PostgreSQL."""
HEAD_SIZE = 20


@dataclass(frozen=True, slots=True)
class Wire:
    """A parameter that is in its type's binary form already."""

    data: bytes


class _AsItIs(Dumper):
    format = Format.BINARY
    oid = 0  # the server takes it for what its place in the statement says

    def dump(self, obj: Wire) -> bytes:
        return obj.data


psycopg.adapters.register_dumper(Wire, _AsItIs)


@dataclass(frozen=True)
class ArrayColumn:
    """An array column: of row k it holds `column`'s values from `starts[k]` up to `ends[k]`."""

    column: Column
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    made: list[Wire] | None = None
    """The arrays of the rows, made beforehand: possible where no numbers of names have to be put in."""

    @classmethod
    def of(cls, column: Column, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> ArrayColumn:
        unmade = cls(column, starts, ends)
        return unmade if column.names else cls(column, starts, ends, unmade._arrays(column.wire(slice(None))))

    def arrays(self, numbers: Numbers) -> list[Wire]:
        """The array of each row, with the numbers of the names put in."""
        return self.made or self._arrays(self.column.numbered(numbers))

    def _arrays(self, values: NDArray[Any]) -> list[Wire]:
        wire = np.dtype(WIRE_TYPES[self.column.type])
        elements = np.empty(len(values), dtype=[("length", ">i4"), ("value", wire)])
        elements["length"] = wire.itemsize
        elements["value"] = values
        data, size, kind = elements.view(np.uint8).data, elements.dtype.itemsize, ELEMENT_TYPES[self.column.type]
        return [
            Wire(b"".join((_head(end - start, kind), data[start * size : end * size])))
            for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class ArrayRows:
    """Rows of plain columns (one value per row) followed by arrays, ready to be sent to a table, but for the numbers of
    names. Without plain columns there is one row, and it is sent unnested: an element is a row of the table."""

    table: str
    scalars: Sequence[Column]
    arrays: Sequence[ArrayColumn]

    def fields(self, numbers: Numbers) -> Iterator[tuple[Wire, ...]]:
        """The rows, field by field, with the numbers of the names put in."""
        columns = [_scalars(column, numbers) for column in self.scalars]
        columns += [array.arrays(numbers) for array in self.arrays]
        return zip(*columns, strict=True)


def insert_rows(connection: psycopg.Connection[Any], rows: ArrayRows, numbers: Numbers) -> None:
    """Add rows to their table. Returns before they are stored when the connection is in pipeline mode."""
    with connection.cursor() as cursor:
        for fields in rows.fields(numbers):
            cursor.execute(_statement(rows), fields, prepare=True)


def _statement(rows: ArrayRows) -> bytes:
    arrays = tuple((array.column.name, array.column.type) for array in rows.arrays)
    return _insert(rows.table, tuple(column.name for column in rows.scalars), arrays)


@lru_cache
def _insert(table: str, scalars: tuple[str, ...], arrays: tuple[tuple[str, str], ...]) -> bytes:
    names = [*scalars, *(name for name, _ in arrays)]
    values = "VALUES ({})"
    fields: list[sql.Composable] = [sql.Placeholder()] * len(names)
    if not scalars:
        values = "SELECT {}"
        fields = [sql.SQL("unnest({}::{}[])").format(sql.Placeholder(), sql.SQL(kind)) for _, kind in arrays]
    composed = sql.SQL("INSERT INTO {} ({}) " + values).format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(fields)
    )
    return composed.as_bytes()


def elements_of(sent: bytes, kind: str) -> NDArray[Any]:
    """The values of an array without nulls, from what `array_send` gives of it; timestamptz as PostgreSQL counts."""
    wire = WIRE_TYPES[kind]
    values = np.frombuffer(sent, dtype=[("length", ">i4"), ("value", wire)], offset=min(HEAD_SIZE, len(sent)))["value"]
    return values.astype(np.dtype(wire).newbyteorder("="))


def _scalars(column: Column, numbers: Numbers) -> list[Wire]:
    wire = np.dtype(WIRE_TYPES[column.type])
    data, size = column.numbered(numbers).astype(wire).tobytes(), wire.itemsize
    return [Wire(data[start : start + size]) for start in range(0, len(data), size)]


def _head(count: int, kind: int) -> bytes:
    """What stands before the elements of an array."""
    return b"".join(part.to_bytes(4, "big") for part in (1, 0, kind, count, 1))
