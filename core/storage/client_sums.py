"""Sums per client over any whole hours, exact at every moment: from packs of what has ended, and rows of the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.storage.client_days import LENGTHS, NEVER
from core.storage.client_packs import CLIENT_NO, MEASURES, midnight
from core.storage.spans import Part, cover

Ints = NDArray[np.int64]
Read = Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]]
"""Runs a query of `core/sql` by its name; all calls must see one snapshot."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class ClientSums:
    """`measures` of each of `clients` (their numbers, ascending): arrays of one length."""

    clients: Ints
    measures: dict[str, Ints]


@dataclass(frozen=True)
class Built:
    """What there are packs of: hours before `packed_before`, days before `closed_before` have their rows in client_day,
    `due` days are to be packed again."""

    packed_before: datetime
    closed_before: date
    due: frozenset[date]

    def holds(self, first: date, length: int) -> bool:
        """Whether the block of `length` days from `first` on is packed, and its pack true."""
        ended = midnight(first) + length * DAY <= self.packed_before
        return ended and not any(first <= day < first + length * DAY for day in self.due)


def client_sums(
    read: Read, start: datetime, end: datetime, measures: Sequence[str] = MEASURES, event_type: str | None = None
) -> ClientSums:
    """Sums of [start, end), whole hours, of every client that has any row in it; `event_type` None: of all types, what
    connections carried beside messages included."""
    [(packed_before, closed_before, due)] = read("client_packs_state", {})
    built = Built(
        midnight(NEVER) if packed_before is None else packed_before.astimezone(UTC),
        NEVER if closed_before is None else closed_before,
        frozenset(due),
    )
    packs, rows = parts(start.astimezone(UTC), end.astimezone(UTC), built)
    asked = {"event_type": event_type, "measures": [CLIENT_NO, *measures], "start": start, "end": end}
    found = read("client_packs", asked | _of_packs(packs))
    found = [*found, *read("client_rows", asked | _of_rows(rows))]
    return _added(found, measures)


def parts(start: datetime, end: datetime, built: Built) -> tuple[list[Part], list[Part]]:
    """What adds up to [start, end): packed blocks, and days and hours to be read as rows."""
    packs: list[Part] = []
    rows: list[Part] = []
    whole = built.packed_before.date()
    for part in cover(start, end, whole):
        _place(part, built, packs, rows)
    today = midnight(whole)
    if built.packed_before > today and whole not in built.due:
        for place, part in enumerate(rows):
            # hours of today that have ended are packed together
            if part.hours == 1 and part.sign == 1 and part.start <= today and part.end >= built.packed_before:
                packs.append(Part(24, today, today + DAY, 1))
                rows[place : place + 1] = [
                    Part(1, a, b, 1) for a, b in ((part.start, today), (built.packed_before, part.end)) if a < b
                ]
                break
    return packs, rows


def _place(part: Part, built: Built, packs: list[Part], rows: list[Part]) -> None:
    if part.hours == 1:
        rows.append(part)
        return
    size = part.hours * HOUR
    for number in range((part.end - part.start) // size):
        first = part.start + number * size
        if built.holds(first.date(), part.hours // 24):
            packs.append(Part(part.hours, first, first + size, part.sign))
        elif part.hours > 24:
            shorter = max([1, *(length for length in LENGTHS if length * 24 < part.hours)]) * 24
            _place(Part(shorter, first, first + size, part.sign), built, packs, rows)
        else:
            closed = first.date() < built.closed_before
            rows.append(Part(24 if closed else 1, first, first + size, part.sign))


def _of_packs(packs: Sequence[Part]) -> dict[str, Any]:
    return {
        "days": [part.hours // 24 for part in packs],
        "firsts": [part.start.date() for part in packs],
        "signs": [part.sign for part in packs],
    }


def _of_rows(rows: Sequence[Part]) -> dict[str, Any]:
    return {
        "hours": [part.hours for part in rows],
        "firsts": [part.start for part in rows],
        "lasts": [part.end for part in rows],
        "signs": [part.sign for part in rows],
    }


def _added(found: Sequence[tuple[Any, ...]], measures: Sequence[str]) -> ClientSums:
    """From rows of (block, sign, measure, its numbers): see `client_packs`."""
    blocks: dict[Any, dict[str, bytes]] = {}
    signs: dict[Any, int] = {}
    for block, sign, measure, numbers in found:
        blocks.setdefault(block, {})[measure] = numbers
        signs[block] = sign
    clients = {block: np.frombuffer(packs[CLIENT_NO], dtype=">i4") for block, packs in blocks.items()}
    size = 1 + max((int(numbers.max()) for numbers in clients.values() if len(numbers)), default=-1)
    known = np.zeros(size, dtype=bool)
    sums = {measure: np.zeros(size, dtype=np.int64) for measure in measures}
    for block, packs in blocks.items():
        places = clients[block].astype(np.int64)
        known[places] = True
        for measure in measures:
            numbers = np.frombuffer(packs[measure], dtype=">i8")
            if signs[block] > 0:
                sums[measure][places] += numbers
            else:
                sums[measure][places] -= numbers
    who = np.flatnonzero(known)
    return ClientSums(who, {measure: values[who] for measure, values in sums.items()})
