"""How busy the invented relay is: the day, the week, growth, and the incidents that an operator would want to see."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
BUSIEST_HOUR = 19  # UTC
DOUBLING_DAYS = 25.0
WEEKEND = 1.25


@dataclass(frozen=True)
class Incident:
    """Something that went wrong between `start` (inclusive) and `end`."""

    start: datetime
    end: datetime
    flood: float = 1.0
    """How many times as many EVENTs as usual arrive."""
    rejected: float = 0.0
    """Share of the EVENTs that the relay refuses."""
    slowness: float = 1.0
    """How many times as long as usual an answer takes."""
    unanswered: float = 0.0
    """Share of the EVENTs that never get their OK."""


def incidents(until: datetime) -> tuple[Incident, ...]:
    """A spam wave, a slow hour, half an hour without OKs, and a small wave on the last day."""
    midnight = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def spell(days: int, hour: int, minutes: int, **effects: float) -> Incident:
        start = midnight - timedelta(days=days) + timedelta(hours=hour)
        return Incident(start, start + timedelta(minutes=minutes), **effects)

    return (
        spell(16, 20, 60, slowness=6),
        spell(9, 13, 7 * 60, flood=10, rejected=0.8),
        spell(4, 18, 60, slowness=25),
        spell(2, 11, 30, unanswered=0.9),
        spell(1, 16, 60, flood=5, rejected=0.8),
    )


def busyness(hour: datetime, until: datetime) -> float:
    """Traffic in the hour that begins at `hour`, relative to an average hour at `until`."""
    utc = hour.astimezone(UTC)
    growth = math.exp2((utc - until) / timedelta(days=DOUBLING_DAYS))
    daily = 1 + 0.55 * math.cos((utc.hour - BUSIEST_HOUR) / 24 * math.tau)
    return growth * daily * (WEEKEND if utc.weekday() >= 5 else 1.0)


@dataclass(frozen=True)
class Hour:
    """An hour of history, cut off where live traffic begins. `messages` is the expected number of client messages."""

    start: datetime
    end: datetime
    messages: float
    incidents: tuple[Incident, ...]

    @property
    def number(self) -> int:
        """Hours since the Unix epoch."""
        return int(self.start.timestamp()) // 3600

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def hours(until: datetime, days: int, messages: int) -> Iterator[Hour]:
    """The hours of the `days` before `until`, newest first, with `messages` client messages in all."""
    last = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    starts = [last - HOUR * back for back in range(days * 24 + 1)]
    spells = incidents(until)
    weights = [busyness(start, until) * ((min(start + HOUR, until) - start) / HOUR) for start in starts]
    scale = messages / sum(weights)
    for start, weight in zip(starts, weights, strict=True):
        end = min(start + HOUR, until)
        if end > start:
            yield Hour(start, end, weight * scale, tuple(s for s in spells if s.start < end and start < s.end))
