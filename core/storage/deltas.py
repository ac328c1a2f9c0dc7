"""What a batch adds to the roll-ups, summed in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.storage.binary_copy import Column
from core.storage.rollups import COLUMN_TYPES, Rollup

Facts = Mapping[str, NDArray[Any]]
"""One array per key and measure, all of one length; `timestamp` in microseconds, `bin` only meaningful where rt_n,
`first_bin` where first_n."""


def delta_of(rollup: Rollup, facts: Facts) -> list[Column]:
    """The rows that these facts add to a roll-up, as columns of its delta table."""
    taken = _taken(rollup, facts)

    def column(name: str) -> NDArray[Any]:
        return facts[name] if taken is None else facts[name][taken]

    bucket = column("timestamp") // (rollup.grain.seconds * 1_000_000)
    keys = [bucket, *(column(name) for name in rollup.keys)]
    order, starts = group(keys)
    first = order[starts]
    times = bucket[first] if rollup.grain.column == "day" else bucket[first] * (rollup.grain.seconds * 1_000_000)
    result = [Column(rollup.grain.column, rollup.grain.sql_type, times)]
    result += [
        Column(name, COLUMN_TYPES[name], values[first]) for name, values in zip(rollup.keys, keys[1:], strict=True)
    ]
    for name in rollup.measures:
        sums = np.add.reduceat(column(name)[order], starts) if len(starts) else column(name)
        result.append(Column(name, COLUMN_TYPES[name], sums))
    return result


def group(keys: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order of the rows that puts equal keys together, and where in it each group starts."""
    count = len(keys[0])
    if count == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing
    code = np.zeros(count, dtype=np.int64)
    room = 1
    for key in keys:
        low, high = int(key.min()), int(key.max())
        span = high - low + 1
        if room * span >= 2**62:  # wider than one integer: number the groups found so far
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
            room = count
        room *= span
        code = code * span + (key.astype(np.int64) - low)
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return order, starts


def _taken(rollup: Rollup, facts: Facts) -> NDArray[np.int64] | None:
    if rollup.takes == "errors":
        return np.flatnonzero(facts["errors"])
    if rollup.takes == "answered":
        return np.flatnonzero(facts["rt_n"])
    if rollup.takes == "delivered":
        return np.flatnonzero(facts["first_n"])
    return None
