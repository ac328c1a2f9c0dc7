"""Sums per client over any whole hours, exact at every moment: from packs of what has ended, and rows of the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.storage.client_days import LENGTHS, NEVER, block_start
from core.storage.client_packs import CLIENT_NO, MEASURES
from core.storage.reading import Read, Rows
from core.storage.spans import Part, cover, midnight

Ints = NDArray[np.int64]
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

    @property
    def today(self) -> datetime:
        """The first moment that no block of days holds."""
        return midnight(self.packed_before.date())

    def holds(self, first: date, length: int) -> bool:
        """Whether the pack of the `length` days from `first` on is true: of those of them that have ended."""
        return not any(first <= day < first + length * DAY for day in self.due)


def client_sums(
    read: Read, start: datetime, end: datetime, measures: Sequence[str] = MEASURES, event_type: str | None = None
) -> ClientSums:
    """Sums of [start, end), whole hours, of every client that has any row in it; `event_type` None: of all types, what
    connections carried beside messages included. All reads must see one snapshot."""
    return client_sums_ahead(read, start, end, measures, event_type)()


def client_sums_ahead(
    read: Read, start: datetime, end: datetime, measures: Sequence[str] = MEASURES, event_type: str | None = None
) -> Callable[[], ClientSums]:
    """The same, but only sent for: what is returned waits for the sums."""
    [(packed_before, closed_before, due)] = read("client_packs_state", {})
    built = Built(
        midnight(NEVER) if packed_before is None else packed_before.astimezone(UTC),
        NEVER if closed_before is None else closed_before,
        frozenset(due),
    )
    packs, rows = parts(start.astimezone(UTC), end.astimezone(UTC), built)
    asked = {"event_type": event_type, "measures": [CLIENT_NO, *measures], "start": start, "end": end}
    packed, open_rows = (
        read.ahead("client_packs", asked | _of_packs(packs)),
        read.ahead("client_rows", asked | _of_rows(rows)),
    )

    def add() -> ClientSums:
        sums = Sums(measures)
        sums.add(packed())
        sums.add(open_rows())
        return sums.found()

    return add


def parts(start: datetime, end: datetime, built: Built) -> tuple[list[Part], list[Part]]:
    """What adds up to [start, end): packed blocks, and days and hours to be read as rows."""
    packs: list[Part] = []
    rows: list[Part] = []
    today = built.today
    if start < today:
        for part in _ended(start, min(end, today), today):
            _place(part, built, packs, rows)
    if end > today:
        _place_open(max(start, today), end, built, packs, rows)
    return packs, rows


def _ended(start: datetime, end: datetime, today: datetime) -> list[Part]:
    """What adds up to [start, end), all before today, from as few blocks as can be.

    Blocks that have not ended hold what has, up to today. So a range up to then can take them whole, and one that ends
    a little earlier can take away what comes after it.
    """
    last = block_start(today.date(), LENGTHS[-1]) + LENGTHS[-1] * DAY
    upto_today = cover(start, midnight(last), last)
    later = [replace(part, sign=-part.sign) for part in cover(end, today, today.date())]
    return min([*upto_today, *later], cover(start, end, today.date()), key=lambda found: _blocks(found, today))


def _blocks(found: Sequence[Part], today: datetime) -> int:
    """How many blocks of days begin before today."""
    sizes = [(part, part.hours * HOUR) for part in found if part.hours > 1]
    return sum(-((part.start - min(part.end, today)) // size) for part, size in sizes if part.start < today)


def _place_open(start: datetime, end: datetime, built: Built, packs: list[Part], rows: list[Part]) -> None:
    """[start, end) of today and later: the hours of today that have ended are packed together."""
    today = built.today
    if start == today and today < built.packed_before <= end and today.date() not in built.due:
        packs.append(Part(24, today, today + DAY, 1))
        start = built.packed_before
    if start < end:
        rows.append(Part(1, start, end, 1))


def _place(part: Part, built: Built, packs: list[Part], rows: list[Part]) -> None:
    """A part of blocks, as packs where they are true. Blocks leave out what is not before today."""
    if part.hours == 1:
        rows.append(part)
        return
    size = part.hours * HOUR
    for number in range((part.end - part.start) // size):
        first = part.start + number * size
        if first >= built.today:
            break
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


class Sums:
    """Adds up rows of (block, sign, measure, bytes of a number, its numbers): see `client_packs`."""

    def __init__(self, measures: Sequence[str]) -> None:
        self._known = np.zeros(0, dtype=bool)
        self._sums: dict[str, Ints] = {measure: np.zeros(0, dtype=np.int64) for measure in measures}

    def add(self, found: Rows) -> None:
        clients = {block: unpacked(width, numbers) for block, _, name, width, numbers in found if name == CLIENT_NO}
        self._make_room(1 + max((int(numbers.max()) for numbers in clients.values() if len(numbers)), default=-1))
        for numbers in clients.values():
            self._known[numbers] = True
        for block, sign, name, width, numbers in found:
            if width and name != CLIENT_NO:
                values = unpacked(width, numbers)
                # adds up all rows of a client; and is twice as quick as `+=`
                (np.add if sign > 0 else np.subtract).at(self._sums[name], clients[block], values)

    def found(self) -> ClientSums:
        who = np.flatnonzero(self._known)
        return ClientSums(who, {measure: values[who] for measure, values in self._sums.items()})

    def _make_room(self, size: int) -> None:
        more = size - len(self._known)
        if more > 0:
            self._known = np.pad(self._known, (0, more))
            self._sums = {measure: np.pad(values, (0, more)) for measure, values in self._sums.items()}


def unpacked(width: int, numbers: bytes) -> Ints:
    """The numbers of a pack. Those of rows may be below zero, which eight bytes tell by their first bit."""
    return np.frombuffer(numbers, dtype=f">{'i' if width == 8 else 'u'}{width}").astype(np.int64)
