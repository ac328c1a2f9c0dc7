"""What a batch adds to the roll-ups, summed in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
ELEMENT = np.dtype([("length", ">i4"), ("value", ">i2")])

NAMES_OF = {"client_no": "clients", "relay_id": "relays", "app_id": "apps"}
"""Which list of names a column's values are places in."""


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
        Column(name, delta.sql_type(name), values[first], names=NAMES_OF.get(name))
        for name, values in zip(delta.keys, keys[1:], strict=True)
    ]
    for name in delta.measures:
        sums = np.add.reduceat(column(name)[order], starts) if len(starts) else column(name)
        result.append(Column(name, delta.sql_type(name), sums))
    if not delta.of_clients:
        return result, None
    times = facts["timestamp"][order]
    result.append(Column("first_at", "timestamptz", np.minimum.reduceat(times, starts) if len(starts) else times))
    result.append(Column("last_at", "timestamptz", np.maximum.reduceat(times, starts) if len(starts) else times))
    return result, _bins(column("bin")[order], column("rt_n")[order] != 0, starts)


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
    order = _sorted(code, room)
    ordered = code[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return order, starts


def _sorted(code: NDArray[np.int64], room: int) -> NDArray[np.int64]:
    """The stable order of codes below `room`: NumPy sorts 16 bits by radix, several times as fast as wider integers."""
    if room > 2**32:
        return np.argsort(code, kind="stable")
    order = np.argsort((code & 0xFFFF).astype(np.uint16), kind="stable")
    if room <= 2**16:
        return order
    higher = np.argsort((code[order] >> 16).astype(np.uint16), kind="stable")
    return order[higher]


def _bins(bins: NDArray[np.int64], answered: NDArray[np.bool_], starts: NDArray[np.int64]) -> Payloads:
    """For each group of rows the bins of the answered ones, as a binary smallint[]; NULL where there are none."""
    elements = np.empty(int(answered.sum()), dtype=ELEMENT)
    elements["length"] = 2
    elements["value"] = bins[answered]
    if len(starts) == 0:
        return Payloads("bins", elements, np.zeros(0, dtype=np.int64), _head)
    counts = np.add.reduceat(answered.astype(np.int64), starts)
    return Payloads("bins", elements, np.where(counts == 0, -1, counts), _head)


def _head(count: int) -> bytes:
    return ARRAY_OF_SMALLINT + count.to_bytes(4, "big") + LOWER_BOUND


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
