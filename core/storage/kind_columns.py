"""Sums of clients by kind as columns of numbers, and as packs: of a kind and block each in as few bytes as it needs.

Pure: what `client_kind_packs` stores, and reads back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.storage.array_rows import elements_of
from core.storage.deltas import group
from core.storage.rows import TICKS_PER_MS

Ints = NDArray[np.int64]
KEYS = ("hour", "kind", "client_no")
"""`hour`: the first of the block, in hours since 1970."""
MEASURES = ("n", "accepted", "duplicate", "rejected", "errors", "unanswered", "bytes_in", "bytes_out", "payload_in",
            "payload_out", "rt_n", "rt_units")  # fmt: skip
"""As in the roll-up client_kind_hour; `rt_units` is its rt_sum in RT_UNIT."""
RT_UNIT = 1 / TICKS_PER_MS
"""Milliseconds that response times are whole multiples of: their sums are integers too."""
WIDTHS = (1, 2, 4, 8)
"""Bytes of a number; 0 where all of a column are zero."""
LIMITS = np.array([256**width for width in WIDTHS[:-1]], dtype=np.int64)

Columns = dict[str, Ints]
"""One array per key and measure, all of one length; without measures: only who there is."""
Pack = tuple[int, int, int, int | None, dict[str, bytes]]
"""Hour, kind, number of clients, of messages, and a column of numbers per name, `client_no` ascending."""


@dataclass(frozen=True)
class Packed:
    """A pack as it is stored: the place of its block, and of each name the numbers."""

    hour: int
    kind: int
    clients: int
    numbers: Sequence[bytes]


def columns_of(sent: Sequence[bytes | None], names: Sequence[str]) -> Columns:
    """From what `array_send` gives of bigint arrays, one per name; None: nothing."""
    return {name: elements_of(array or b"", "bigint") for name, array in zip(names, sent, strict=True)}


def joined(parts: Sequence[Columns]) -> Columns:
    """Several of the same names as one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def taken(columns: Columns, chosen: NDArray[np.bool_]) -> Columns:
    return {name: values[chosen] for name, values in columns.items()}


def summed(columns: Columns, hours: int) -> Columns:
    """By blocks of so many hours, one row for each client of a kind and block, in the order of KEYS."""
    blocks = columns["hour"] // hours * hours
    order, starts = group([blocks, columns["kind"], columns["client_no"]])
    first = order[starts]
    found = {"hour": blocks[first], "kind": columns["kind"][first], "client_no": columns["client_no"][first]}
    measures = [name for name in columns if name not in KEYS]
    return found | {name: _sums(columns[name][order], starts) for name in measures}


def packs_of(columns: Columns) -> Iterator[Pack]:
    """The packs of columns as `summed` gives them."""
    hours, kinds = columns["hour"], columns["kind"]
    changed = (hours[1:] != hours[:-1]) | (kinds[1:] != kinds[:-1])
    starts = np.concatenate(([0], np.flatnonzero(changed) + 1)) if len(hours) else np.zeros(0, dtype=np.int64)
    ends = np.append(starts[1:], len(hours))
    names = [name for name in columns if name not in ("hour", "kind")]
    widths = {name: _widths(columns[name], starts, least=int(name == "client_no")) for name in names}
    for place, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=False)):
        numbers = {name: _bytes(columns[name][start:end], int(widths[name][place])) for name in names}
        messages = int(columns["n"][start:end].sum()) if "n" in columns else None
        yield int(hours[start]), int(kinds[start]), end - start, messages, numbers


def columns_from(packs: Sequence[Packed], names: Sequence[str]) -> Columns:
    """The columns of packs, whose numbers stand in the order of `names`."""
    counts = [pack.clients for pack in packs]
    found = {
        "hour": np.repeat(np.array([pack.hour for pack in packs], dtype=np.int64), counts),
        "kind": np.repeat(np.array([pack.kind for pack in packs], dtype=np.int64), counts),
    }
    for place, name in enumerate(names):
        parts = [unpacked(pack.numbers[place], pack.clients) for pack in packs]
        found[name] = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
    return found


def unpacked(numbers: bytes, count: int) -> Ints:
    """The numbers of one column of a pack."""
    width = len(numbers) // count if count else 0
    return np.frombuffer(numbers, dtype=f">u{width}").astype(np.int64) if width else np.zeros(count, dtype=np.int64)


def _sums(values: Ints, starts: Ints) -> Ints:
    found: Ints = np.add.reduceat(values, starts) if len(starts) else values
    return found


def _widths(values: Ints, starts: Ints, least: int) -> NDArray[Any]:
    """Of each run of numbers the bytes that hold the largest; `least`: even where all are zero."""
    if not len(starts):
        return starts
    largest = np.maximum.reduceat(values, starts)
    widths = np.array(WIDTHS)[np.searchsorted(LIMITS, largest, side="right")]
    return np.maximum(np.where(largest == 0, 0, widths), least)


def _bytes(values: Ints, width: int) -> bytes:
    return values.astype(f">u{width}").tobytes() if width else b""
