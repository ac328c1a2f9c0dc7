"""What a recount finds, and the days that one is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from core.storage.fold import recall

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Difference:
    """A roll-up row that is not what the raw rows say. The values are (stored, recounted), None: no such row."""

    rollup: str
    key: tuple[Any, ...]
    values: dict[str, tuple[Any, Any]]


def difference(
    rollup: str, key: tuple[Any, ...], measures: Sequence[str], stored: Sequence[Any], recounted: Sequence[Any]
) -> Difference:
    """Of a row, whose values stand in the order of `measures`: those that are not the same."""
    pairs = zip(measures, stored, recounted, strict=True)
    return Difference(rollup, key, {name: (had, due) for name, had, due in pairs if had != due})


def kept_from(connection: psycopg.Connection[Any], start: datetime, *marks: str) -> datetime:
    """The latest of a start and of the moments from which on retention has kept what the marks are about."""
    known = [recall(connection, mark) for mark in marks]
    return max([start, *(moment for moment in known if moment is not None)])


def day_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
