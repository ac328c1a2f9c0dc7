"""Lists of values as arrays, at a fraction of what NumPy needs for a list."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

Given = TypeVar("Given", bound=Hashable)
Made = TypeVar("Made")


def each(values: Sequence[Given], meaning: Callable[[Given], Made]) -> list[Made]:
    """What each means, found out once for every different one."""
    known = {value: meaning(value) for value in set(values)}
    return [known[value] for value in values] if len(known) > 1 else list(known.values()) * len(values)


def milliseconds(given: Sequence[float | None] | None, number: int) -> Array:
    """`number` of them; NaN: None. Raises struct.error where a value is neither None nor a number."""
    if given is None or given.count(None) == number:
        return np.full(number, np.nan)
    try:
        return _packed("d", given)
    except struct.error:  # one is None
        return _packed("d", [math.nan if value is None else value for value in given])


def integers(values: Sequence[int | None], absent: int = 0) -> Array:
    """As int64. `absent` stands for None. Raises struct.error where a value is neither None nor such an integer."""
    try:
        return present(values)
    except struct.error:  # one is None
        return present([absent if value is None else value for value in values])


def present(values: Sequence[Any]) -> Array:
    """As int64. Raises struct.error where a value is no such integer."""
    return _packed("q", values)


def _packed(letter: str, values: Sequence[Any]) -> Array:
    """A third of what np.array costs."""
    return np.frombuffer(struct.pack(f"{len(values)}{letter}", *values), dtype=letter)


def small_integers(values: list[int]) -> Array:
    """Of one byte each."""
    return np.frombuffer(bytes(values), dtype=np.uint8)
