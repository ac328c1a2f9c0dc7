"""Work in a process of its own: its answers, its errors, and an end when it takes too long or dies."""

from __future__ import annotations

import pytest

from core.apart import apart
from core.exceptions import ApartError, BadParameterError
from core.periods import zone_of
from core.schedules.timing import Days


def test_values_go_there_and_come_back() -> None:
    from datetime import UTC, date, datetime

    days = apart(
        "core.schedules.timing:days_covered", "yesterday", datetime(2026, 3, 1, tzinfo=UTC), zone_of("UTC"), seconds=30
    )
    assert days == Days(date(2026, 2, 28), date(2026, 2, 28))


def test_what_it_raises_is_raised_here() -> None:
    with pytest.raises(BadParameterError, match="Mars"):
        apart("core.periods:zone_of", "Mars/Base", seconds=30)


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(ApartError, match="longer than 1 s"):
        apart("time:sleep", 60, seconds=1)


def test_a_process_that_dies_is_said() -> None:
    with pytest.raises(ApartError, match=r"ended \(3\)"):
        apart("os:_exit", 3, seconds=30)
