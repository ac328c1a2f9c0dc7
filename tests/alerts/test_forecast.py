"""When something that grows is full: a robust slope, and none where there is no trend."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerts.forecast import LEAST_POINTS, forecast

HOURS = [float(3600 * hour) for hour in range(48)]


@given(st.floats(0.01, 2.0), st.floats(0, 40))
def test_a_straight_line_is_continued(per_hour: float, begin: float) -> None:
    values = [begin + per_hour * hour for hour in range(48)]
    found = forecast(HOURS, values, 200.0)
    assert found is not None
    assert found.slope * 3600 == pytest.approx(per_hour)
    assert found.seconds / 3600 == pytest.approx((200 - values[-1]) / per_hour, rel=1e-6)


@given(st.lists(st.integers(0, 47), max_size=9, unique=True), st.floats(0, 100))
def test_a_fifth_of_wild_points_moves_it_little(wild: list[int], value: float) -> None:
    values = [40 + 0.5 * hour for hour in range(48)]
    for place in wild:
        values[place] = value
    found = forecast(HOURS, values, 100.0)
    if found is not None:
        assert found.slope * 3600 == pytest.approx(0.5, rel=0.35)


@pytest.mark.parametrize(
    "values",
    [
        [50.0] * 48,
        [60 - 0.1 * hour for hour in range(48)],
        [50.0 + hour % 2 for hour in range(48)],
        [50 + 0.001 * hour for hour in range(48)],
    ],
    ids=["steady", "falling", "to and fro", "hardly rising"],
)
def test_nothing_is_foretold_of_what_does_not_grow(values: list[float]) -> None:
    assert forecast(HOURS, values, 100.0) is None


@given(st.integers(0, 10_000))
def test_noise_has_no_trend(seed: int) -> None:
    source = random.Random(seed)
    assert forecast(HOURS, [50 + source.gauss(0, 3) for _ in HOURS], 100.0) is None


def test_too_few_points_say_nothing() -> None:
    assert forecast(HOURS[: LEAST_POINTS - 1], [float(place) for place in range(LEAST_POINTS - 1)], 100.0) is None


def test_what_is_full_already_takes_no_time() -> None:
    found = forecast(HOURS, [60.0 + hour for hour in range(48)], 100.0)
    assert found is not None
    assert found.seconds == 0
