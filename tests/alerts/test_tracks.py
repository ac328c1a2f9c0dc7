"""Rates from counters: whatever the rhythm of looks, the rate is that of a window, or nothing is said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerts.rules import Rule
from core.alerts.tracks import POINTS, Point, Track

RULE = Rule(name="one", title="One", measure="events_per_second", threshold=1, window=60)
ANCHOR = datetime(2026, 3, 10, 11, tzinfo=UTC)


def counted(at: float, messages: float) -> Point:
    return Point(at, int(messages), 0, 0, 0)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=100), st.integers(0, 500))
def test_a_steady_rate_is_found(pauses: list[int], rate: int) -> None:
    track, at = Track(ANCHOR), 1000.0
    for pause in pauses:
        now = counted(at, at * rate)
        track = track.seen(now, RULE)
        within = track.over(now, RULE)
        if within is not None:
            assert RULE.window <= within.at <= 2 * RULE.window
            assert within.messages / within.at == pytest.approx(rate)
        assert len(track.points) <= 2 * POINTS + 2
        at += pause


def test_nothing_is_said_before_a_window_is_known() -> None:
    track = Track(ANCHOR)
    for at in range(0, 60, 5):
        track = track.seen(counted(at, at), RULE)
        assert track.over(counted(at, at), RULE) is None
    assert track.seen(counted(60, 60), RULE).over(counted(60, 60), RULE) == counted(60, 60)


@pytest.mark.parametrize("later", [counted(50, 100), counted(105, 90), counted(5000, 200)])
def test_it_begins_anew_when_the_clock_or_the_count_goes_back_or_much_time_was_missed(later: Point) -> None:
    track = Track(ANCHOR, (counted(40, 40), counted(100, 100)))
    assert track.seen(later, RULE).points == (later,)


def test_a_later_anchor_changes_no_difference() -> None:
    track = Track(ANCHOR, (counted(10, 500), counted(70, 560)))
    moved = track.moved(ANCHOR, counted(0, 400))
    assert moved.over(counted(70, 160), RULE) == track.over(counted(70, 560), RULE) == counted(60, 60)
