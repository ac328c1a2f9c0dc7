"""Which second the sampler wakes for."""

from __future__ import annotations

import pytest

from ingest.sampler import next_second


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        (100.2, 0, 101),
        (101.0, 101, 102),
        (100.9999, 101, 102),  # woken a little early: second 101 is taken already
        (105.3, 101, 106),  # the process stood still
        (50.5, 101, 51),  # the clock was set back
    ],
)
def test_no_second_is_sampled_twice(now: float, last: int, expected: int) -> None:
    assert next_second(now, last) == expected


def test_a_clock_set_back_a_little_is_waited_out_and_one_set_back_far_starts_anew() -> None:
    assert next_second(100.2, 103) == 104
    assert next_second(100.2, 3703) == 101
