"""Rows of arrays for a binary COPY: one row per run of values, made from NumPy columns.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-BINARY; the form of an array is that of
`array_send`: dimensions, whether there are nulls, the type of the elements, then length and lower bound of each
dimension, and each element after its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.storage.binary_copy import WIRE_TYPES, Column, Encoded, Numbers

ELEMENT_TYPES = {
    "smallint": 21, "integer": 23, "bigint": 20, "double precision": 701, "timestamptz": 1184,
}  # fmt: skip
"""Object identifiers of the types, fixed in PostgreSQL."""
HEAD_SIZE = 20


@dataclass(frozen=True)
class ArrayColumn:
    """An array column: of row k it holds `column`'s values from `starts[k]` up to `ends[k]`."""

    column: Column
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @cached_property
    def elements(self) -> NDArray[Any]:
        """All values as they are sent, but for the numbers of names."""
        wire = WIRE_TYPES[self.column.type]
        made = np.empty(len(self.column.values), dtype=[("length", ">i4"), ("value", wire)])
        made["length"] = np.dtype(wire).itemsize
        if self.column.names is None:
            made["value"] = self.column.wire(slice(None))
        return made


@dataclass(frozen=True)
class ArrayRows:
    """Rows of plain columns (one value per row) followed by arrays, ready to be sent: a piece of `Encoded`."""

    scalars: Sequence[Column]
    arrays: Sequence[ArrayColumn]

    @property
    def count(self) -> int:
        return len(self.scalars[0].values)

    def data(self, numbers: Numbers) -> Iterator[bytes]:
        """The rows, with the numbers of the names put in."""
        plain = [_wire(column, numbers) for column in self.scalars]
        for array in self.arrays:
            if array.column.names is not None:
                array.elements["value"] = numbers[array.column.names][array.column.values]
        sent = [
            (array.elements.tobytes(), array.elements.dtype.itemsize, ELEMENT_TYPES[array.column.type],
             array.starts.tolist(), array.ends.tolist())
            for array in self.arrays
        ]  # fmt: skip
        fields = (len(self.scalars) + len(self.arrays)).to_bytes(2, "big")
        for row in range(self.count):
            parts = [fields]
            for data, size in plain:
                parts += size.to_bytes(4, "big"), data[row * size : (row + 1) * size]
            for data, size, kind, starts, ends in sent:
                start, end = starts[row], ends[row]
                parts += _head(end - start, size, kind), data[start * size : end * size]
            yield b"".join(parts)


def array_rows(table: str, scalars: Sequence[Column], arrays: Sequence[ArrayColumn]) -> Encoded:
    names = (*(column.name for column in scalars), *(array.column.name for array in arrays))
    rows = ArrayRows(scalars, arrays)
    return Encoded(table, names, [rows] if rows.count else [])


def elements_of(sent: bytes, kind: str) -> NDArray[Any]:
    """The values of an array without nulls, from what `array_send` gives of it; timestamptz as PostgreSQL counts."""
    wire = WIRE_TYPES[kind]
    values = np.frombuffer(sent, dtype=[("length", ">i4"), ("value", wire)], offset=min(HEAD_SIZE, len(sent)))["value"]
    return values.astype(np.dtype(wire).newbyteorder("="))


def _wire(column: Column, numbers: Numbers) -> tuple[bytes, int]:
    """The values one after another, and the size of each."""
    values = column.wire(slice(None)) if column.names is None else numbers[column.names][column.values]
    sent = values.astype(WIRE_TYPES[column.type])
    return sent.tobytes(), sent.itemsize


def _head(count: int, element_size: int, kind: int) -> bytes:
    """The length of an array's data, and what stands before its elements."""
    return b"".join(part.to_bytes(4, "big") for part in (HEAD_SIZE + count * element_size, 1, 0, kind, count, 1))
