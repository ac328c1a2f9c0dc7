"""Long ranges over all clients from few rows.

A range is put together from blocks of four lengths (1 hour, 1 day, 8 days, 64 days), added and taken away: 60 days are
64 days less 4. Where the longer blocks are built, no range needs more than a handful of any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from core.storage.client_days import LENGTHS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOURS = (1, 24, *(24 * length for length in LENGTHS))
"""Hours of a block, of each length."""


def midnight(day: date) -> datetime:
    """When a day of UTC begins."""
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True)
class Part:
    """All blocks of one length in [start, end), to be added (`sign` 1) or taken away (-1)."""

    hours: int
    start: datetime
    end: datetime
    sign: int


def cover(start: datetime, end: datetime, built_before: date) -> list[Part]:
    """Parts that add up to [start, end), whole hours of UTC: every hour of it once, and no other hour at all.

    `built_before`: the mark of `client_days`; blocks of a day and longer are used before it only.
    """
    first, last = (int((moment - EPOCH) // timedelta(hours=1)) for moment in (start, end))
    known = (built_before - EPOCH.date()).days * 24
    return [
        Part(hours, EPOCH + timedelta(hours=a), EPOCH + timedelta(hours=b), sign)
        for hours, a, b, sign in _cover(first, last, 1, len(HOURS) - 1, known)
    ]


def _cover(first: int, last: int, sign: int, level: int, known: int) -> list[tuple[int, int, int, int]]:
    """The parts of the hours [first, last), by blocks of HOURS[level] and shorter; but by hours from `known` on."""
    if first >= last:
        return []
    size = HOURS[level]
    if level == 0:
        return [(size, first, last, sign)]
    a, b = _nearest(first, size), _nearest(last, size)
    top = known - known % size
    a, b = min(a, top), min(b, top)
    if a >= b:
        return _cover(first, last, sign, level - 1, known)
    return [
        *_edge(first, a, sign, level - 1, known),
        (size, a, b, sign),
        *_edge(b, last, sign, level - 1, known),
    ]


def within(start: datetime, end: datetime) -> list[Part]:
    """Blocks that make up [start, end), whole hours of UTC, and lie in it: for what knows no taking away."""
    first, last = (int((moment - EPOCH) // timedelta(hours=1)) for moment in (start, end))
    return [
        Part(hours, EPOCH + timedelta(hours=a), EPOCH + timedelta(hours=b), 1)
        for hours, a, b in _within(first, last, len(HOURS) - 1)
    ]


def _within(first: int, last: int, level: int) -> list[tuple[int, int, int]]:
    if first >= last:
        return []
    size = HOURS[level]
    a, b = -(-first // size) * size, last // size * size
    if a >= b:
        return _within(first, last, level - 1)
    return [*_within(first, a, level - 1), (size, a, b), *_within(b, last, level - 1)]


def _edge(start: int, end: int, sign: int, level: int, known: int) -> list[tuple[int, int, int, int]]:
    """From `start` to `end`, backwards with the opposite sign."""
    return _cover(start, end, sign, level, known) if start <= end else _cover(end, start, -sign, level, known)


def _nearest(hour: int, size: int) -> int:
    return (hour + size // 2) // size * size


@dataclass(frozen=True)
class Steps:
    """Hours and days of UTC that add up to consecutive buckets: one entry each, as parameters of a query."""

    steps: list[int]
    """Number of the bucket."""
    hours: list[int]
    """1 or 24."""
    buckets: list[datetime]
    signs: list[int]
    """1: to be added, -1: to be taken away."""

    @property
    def parameters(self) -> dict[str, list[int] | list[datetime]]:
        return {"steps": self.steps, "hours": self.hours, "buckets": self.buckets, "signs": self.signs}


def steps(edges: Sequence[datetime], days_before: datetime = datetime(9000, 1, 1, tzinfo=UTC)) -> Steps:
    """The buckets between `edges` (whole hours) from days of UTC where that takes fewer rows, and hours.

    `days_before`: days that end later are not to be used.
    """
    known = int((days_before - EPOCH) // timedelta(hours=1))
    found = Steps([], [], [], [])
    numbers = [int((edge - EPOCH) // timedelta(hours=1)) for edge in edges]
    for step, (first, last) in enumerate(pairwise(numbers)):
        parts = [(1, first, last, 1)] if last - first <= HOURS[1] // 2 else _cover(first, last, 1, 1, known)
        for size, a, b, sign in parts:
            for hour in range(a, b, size):
                found.steps.append(step)
                found.hours.append(size)
                found.buckets.append(EPOCH + timedelta(hours=hour))
                found.signs.append(sign)
    return found
