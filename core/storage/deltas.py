"""What a batch adds to the roll-ups, summed in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.storage.binary_copy import Column, Payloads
from core.storage.rollups import Delta

Facts = Mapping[str, NDArray[Any]]
"""One array per key and measure, all of one length; `timestamp` in microseconds, `bin` only meaningful where rt_n,
`first_bin` where first_n."""

ARRAY_OF_SMALLINT = b"\0\0\0\1" + b"\0\0\0\0" + b"\0\0\0\x15"
"""One dimension, no nulls, elements of type 21: how the binary form of a smallint[] begins."""
LOWER_BOUND = b"\0\0\0\1"


def delta_of(delta: Delta, facts: Facts) -> tuple[list[Column], Payloads | None]:
    """The rows that these facts add to a delta: its columns, and the latency bins where it keeps them."""
    taken = _taken(delta, facts)

    def column(name: str) -> NDArray[Any]:
        return facts[name] if taken is None else facts[name][taken]

    bucket = column("timestamp") // (delta.grain.seconds * 1_000_000)
    keys = [bucket, *(column(name) for name in delta.keys)]
    order, starts = group(keys)
    first = order[starts]
    result = [Column(delta.grain.column, delta.grain.sql_type, bucket[first] * (delta.grain.seconds * 1_000_000))]
    result += [
        Column(name, delta.sql_type(name), values[first]) for name, values in zip(delta.keys, keys[1:], strict=True)
    ]
    for name in delta.measures:
        sums = np.add.reduceat(column(name)[order], starts) if len(starts) else column(name)
        result.append(Column(name, delta.sql_type(name), sums))
    if not delta.of_clients:
        return result, None
    times = facts["timestamp"][order]
    result.append(Column("first_at", "timestamptz", np.minimum.reduceat(times, starts) if len(starts) else times))
    result.append(Column("last_at", "timestamptz", np.maximum.reduceat(times, starts) if len(starts) else times))
    return result, Payloads("bins", _bins(column("bin")[order], column("rt_n")[order] != 0, starts))


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
        if span == 1:
            continue
        if room * span >= 2**62:  # wider than one integer: number the groups found so far
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
            room = count
        room *= span
        code = code * span + (key.astype(np.int64) - low)
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return order, starts


def _bins(bins: NDArray[np.int64], answered: NDArray[np.bool_], starts: NDArray[np.int64]) -> list[bytes | None]:
    """For each group of rows the bins of the answered ones, as a binary smallint[]; None where there are none."""
    elements = np.empty(int(answered.sum()), dtype=[("length", ">i4"), ("value", ">i2")])
    elements["length"] = 2
    elements["value"] = bins[answered]
    data = elements.tobytes()
    before = np.concatenate(([0], np.cumsum(answered)))
    edges = (before[np.append(starts, len(answered))] * elements.dtype.itemsize).tolist()
    heads: dict[int, bytes] = {}
    found: list[bytes | None] = []
    for start, end in pairwise(edges):
        size = end - start
        if size == 0:
            found.append(None)
            continue
        head = heads.get(size)
        if head is None:
            count = size // elements.dtype.itemsize
            head = heads[size] = ARRAY_OF_SMALLINT + count.to_bytes(4, "big") + LOWER_BOUND
        found.append(head + data[start:end])
    return found


def _taken(delta: Delta, facts: Facts) -> NDArray[np.int64] | None:
    if delta.takes == "events":
        return np.flatnonzero(facts["is_event"])
    if delta.takes == "errors":
        return np.flatnonzero(facts["errors"])
    if delta.takes == "answered":
        return np.flatnonzero(facts["rt_n"])
    if delta.takes == "delivered":
        return np.flatnonzero(facts["first_n"])
    return None
