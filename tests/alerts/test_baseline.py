"""What is usual: median and MAD of the same weekday hour, on the wall clock of the operator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerts.baseline import ENOUGH, FLOOR, WEEKS, baseline, past_hours

BERLIN = ZoneInfo("Europe/Berlin")
VALUES = st.lists(st.floats(0.001, 1e9), min_size=ENOUGH, max_size=WEEKS)


@given(VALUES)
def test_the_median_is_no_deviation_and_the_limit_undoes_it(values: list[float]) -> None:
    usual = baseline(values)
    assert usual is not None
    assert usual.deviations(median(values)) == pytest.approx(0, abs=1e-6)
    for deviations in (-3.5, 0.5, 8.0):
        assert usual.deviations(usual.limit(deviations)) == pytest.approx(deviations, rel=1e-6)


@given(VALUES, st.floats(0, 1e12))
def test_one_wild_week_among_eight_moves_it_little(values: list[float], wild: float) -> None:
    steady = [100.0, 101.0, 99.0, 100.0, 102.0, 98.0, 100.0]
    usual = baseline([*steady, wild])
    assert usual is not None
    assert 98 <= usual.centre <= 102
    assert usual.spread <= 0.11 * 102


def test_the_formula_is_the_modified_z_score() -> None:
    usual = baseline([10, 20, 30, 40, 50])
    assert usual is not None
    assert (usual.centre, usual.weeks) == (30, 5)
    assert usual.deviations(60) == pytest.approx(0.6745 * (60 - 30) / 10)


def test_weeks_that_were_all_alike_leave_room() -> None:
    usual = baseline([50.0] * 6)
    assert usual is not None
    assert usual.spread == FLOOR * 50


@pytest.mark.parametrize("values", [[], [5.0] * (ENOUGH - 1), [0.0] * WEEKS])
def test_it_learns_until_enough_is_known(values: list[float]) -> None:
    assert baseline(values) is None


def test_weeks_are_counted_on_the_wall_clock() -> None:
    after_the_change = datetime(2026, 4, 1, 7, 20, tzinfo=UTC)  # 9:20 in Berlin, summer time since March 29
    hours = past_hours(after_the_change, BERLIN)
    assert len(hours) == WEEKS
    assert all(hour.astimezone(BERLIN).hour == 9 for hour in hours)
    assert {hour.weekday() for hour in hours} == {after_the_change.weekday()}
    assert hours[0] == datetime(2026, 3, 25, 8, tzinfo=UTC)


def test_in_utc_they_are_whole_weeks_back() -> None:
    now = datetime(2026, 3, 10, 12, 59, 59, tzinfo=UTC)
    assert past_hours(now, ZoneInfo("UTC"), 2) == [
        datetime(2026, 3, 10, 12, tzinfo=UTC) - timedelta(weeks=1),
        datetime(2026, 3, 10, 12, tzinfo=UTC) - timedelta(weeks=2),
    ]
