"""What a batch adds to the roll-ups, summed in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.storage.array_rows import ArrayColumn, ArrayRows
from core.storage.binary_copy import Column
from core.storage.rollups import Delta

Facts = Mapping[str, NDArray[Any]]
"""One array per key and measure, all of one length; `timestamp` in microseconds, `bin` only meaningful where rt_n,
`first_bin` where first_n."""

NAMES_OF = {"client_no": "clients", "relay_id": "relays", "app_id": "apps"}
"""Which list of names a column's values are places in."""


def delta_of(delta: Delta, facts: Facts) -> ArrayRows:
    """The rows that these facts add to a delta."""
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
    if not delta.packed:
        whole = np.array([0] if len(starts) else [], dtype=np.int64)
        return ArrayRows(delta.table, [], [ArrayColumn.of(one, whole, whole + len(starts)) for one in result])
    runs = _runs(bucket[first], column("relay_id")[first])
    arrays = [ArrayColumn.of(one, *runs) for one in result[1:] if one.name != "relay_id"]
    if delta.of_clients:
        arrays += _of_clients(column("timestamp"), column("bin"), column("rt_n"), order, starts, runs)
    scalars = [
        Column(one.name, one.type, one.values[runs[0]], names=one.names)
        for one in result
        if one.name in (delta.grain.column, "relay_id")
    ]
    return ArrayRows(delta.table, scalars, arrays)


Runs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Where the rows of each run start and end."""


def _runs(*keys: NDArray[Any]) -> Runs:
    """The runs of rows in which these columns stay the same."""
    if not len(keys[0]):
        return keys[0], keys[0]
    changed = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    starts = np.concatenate(([0], np.flatnonzero(changed) + 1))
    return starts, np.append(starts[1:], len(keys[0]))


def _of_clients(
    times: NDArray[Any], bins: NDArray[Any], answered: NDArray[Any], order: NDArray[np.int64],
    starts: NDArray[np.int64], runs: Runs,
) -> list[ArrayColumn]:  # fmt: skip
    """The first and last time of each row, and the bins of its answered messages: those of the rows one after another,
    and where each row's end."""
    if not len(starts):
        return []
    times = times[order]
    counted = np.concatenate(([0], np.cumsum(np.add.reduceat(answered[order], starts))))
    known = answered[order] != 0
    ends = counted[1:] - np.repeat(counted[runs[0]], runs[1] - runs[0])
    return [
        ArrayColumn.of(Column("first_at", "timestamptz", np.minimum.reduceat(times, starts)), *runs),
        ArrayColumn.of(Column("last_at", "timestamptz", np.maximum.reduceat(times, starts)), *runs),
        ArrayColumn.of(Column("bins_upto", "integer", ends), *runs),
        ArrayColumn.of(Column("bins", "smallint", bins[order][known]), counted[runs[0]], counted[runs[1]]),
    ]


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


def _taken(delta: Delta, facts: Facts) -> NDArray[np.int64] | None:
    if delta.takes == "events":
        return np.flatnonzero(facts["is_event"])
    if delta.takes == "errors":
        return np.flatnonzero(facts["errors"])
    if delta.takes == "answered":
        return np.flatnonzero(facts["rt_n"])
    if delta.takes == "event_errors":
        return np.flatnonzero(facts["is_event"] & facts["errors"])
    if delta.takes == "answered_events":
        return np.flatnonzero(facts["is_event"] & facts["rt_n"])
    if delta.takes == "delivered":
        return np.flatnonzero(facts["first_n"])
    return None
