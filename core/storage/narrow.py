"""Columns in as few bytes as their values need: most numbers of a batch are small, near each other, or all the same."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_WIDTHS = ((np.dtype("u1"), 2**8), (np.dtype("u2"), 2**16), (np.dtype("u4"), 2**32))
_WIRES = frozenset(np.dtype(wire).str for wire in ("u1", "u2", "u4", "i4", "i8", "f8", "?"))


class Narrow(msgspec.Struct, array_like=True):
    """A column of integers, floats or booleans. A single value stands for all when they are the same."""

    wire: str  # how each value is kept, as NumPy names it
    data: bytes
    added: int = 0  # what is added to each


def narrow(values: Array) -> Narrow:
    """Of at least one value."""
    data = values.tobytes()
    first = data[: values.itemsize]
    if data == first * len(values):
        return Narrow(values.dtype.str, first)
    if values.dtype == np.int64:
        return _near_zero(values)
    return Narrow(values.dtype.str, data)


def widen(column: Narrow, size: int) -> Array:
    """So many values, integers with what was added to them. Raises ValueError or OverflowError when these bytes are no
    such column."""
    if column.wire not in _WIRES:
        raise ValueError(f"values kept as {column.wire!r}")
    values = np.frombuffer(column.data, dtype=column.wire)
    if len(values) != size:
        if len(values) != 1:
            raise ValueError(f"{len(values)} values for {size} events")
        values = np.full(size, values[0])
    return values + np.int64(column.added) if column.added else values


def _near_zero(values: Array) -> Narrow:
    """Integers as what they are more than the lowest."""
    lowest, highest = int(np.minimum.reduce(values)), int(np.maximum.reduce(values))
    for wire, limit in _WIDTHS:
        if highest - lowest < limit:
            return Narrow(wire.str, (values - lowest).astype(wire).tobytes(), lowest)
    return Narrow(values.dtype.str, values.tobytes())
