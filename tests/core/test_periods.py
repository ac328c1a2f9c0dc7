"""Ranges and buckets in a reporting zone."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.exceptions import BadParameterError
from core.periods import Period, resolve

ZONES = st.sampled_from(sorted(available_timezones() - {"Factory", "localtime"}))
DATES = st.dates(date(1975, 1, 1), date(2035, 12, 31))


def hours(period: Period) -> list[float]:
    edges = period.edges
    return [(b - a).total_seconds() / 3600 for a, b in itertools.pairwise(edges)]


def test_a_day_is_as_long_as_the_zone_says() -> None:
    assert hours(resolve("2026-03-28", "2026-03-30", zone="Europe/Berlin", granularity="day")) == [24, 23, 24]
    assert hours(resolve("2026-10-24", "2026-10-26", zone="Europe/Berlin", granularity="day")) == [24, 25, 24]


def test_a_day_of_23_hours_has_23_hourly_buckets() -> None:
    assert len(resolve("2026-03-29", "2026-03-29", zone="Europe/Berlin", granularity="hour").starts) == 23


def test_a_midnight_that_the_clocks_jump_over_is_the_jump() -> None:
    period = resolve("2022-09-11", "2022-09-11", zone="America/Santiago", granularity="day")
    assert period.start == datetime(2022, 9, 11, 4, tzinfo=UTC)
    assert hours(period) == [23]


def test_hours_of_a_half_hour_zone_are_on_its_clock() -> None:
    period = resolve("2026-01-01", "2026-01-01", zone="Asia/Kolkata", granularity="hour")
    assert {start.minute for start in period.starts} == {30}
    assert len(period.starts) == 24


def test_weeks_begin_on_monday_and_the_range_cuts_the_first_and_last() -> None:
    period = resolve("2026-01-01", "2026-01-14", granularity="week")  # a Thursday to a Wednesday
    assert [start.date() for start in period.starts] == [date(2026, 1, 1), date(2026, 1, 5), date(2026, 1, 12)]
    assert period.edges[-1] == datetime(2026, 1, 15, tzinfo=UTC)


def test_both_dates_are_included() -> None:
    period = resolve("2024-01-01", "2024-01-07", granularity="day")
    assert len(period.starts) == 7


@given(zone=ZONES, start=DATES, days=st.integers(0, 400), granularity=st.sampled_from(["day", "week", "month", "auto"]))
def test_buckets_cover_the_period_without_gap_or_overlap(zone: str, start: date, days: int, granularity: str) -> None:
    period = resolve(start, start + timedelta(days=days), zone=zone, granularity=granularity)
    edges = period.edges
    assert edges[0] == period.start
    assert edges[-1] == period.end
    assert all(a < b for a, b in itertools.pairwise(edges))
    where = ZoneInfo(zone)
    local = [edge.astimezone(where).date() for edge in edges[:-1]]
    if period.granularity == "day":
        # a zone that changed sides of the date line skipped a whole day, which then has no instant
        assert len(set(local)) == len(local)
        assert days + 1 - len(local) in (0, 1)
    if period.granularity == "week":
        assert all(day.weekday() == 0 for day in local[1:])
    if period.granularity == "month":
        assert all(day.day == 1 for day in local[1:])


@given(zone=ZONES, start=DATES, days=st.integers(0, 60))
def test_the_previous_period_has_the_same_weekdays_and_ends_before(zone: str, start: date, days: int) -> None:
    period = resolve(start, start + timedelta(days=days), zone=zone, granularity="day")
    previous = period.previous()
    where = ZoneInfo(zone)
    shift = (period.start.astimezone(where).date() - previous.start.astimezone(where).date()).days
    assert shift % 7 == 0
    assert days < shift <= days + 8
    assert previous.end <= period.start + timedelta(hours=26)


def test_only_the_elapsed_part_is_compared() -> None:
    now = datetime(2026, 5, 6, 15, 30, tzinfo=UTC)
    week = resolve("2026-05-04", "2026-05-10", granularity="day")
    assert week.until(now).end == now
    assert week.until(now).previous().end == now - timedelta(days=7)


@pytest.mark.parametrize(
    ("start", "end", "options", "says"),
    [
        ("2024-01-02", "2024-01-01", {}, "not after start"),
        ("2024-13-01", "2024-01-01", {}, "YYYY-MM-DD"),
        ("yesterday", "2024-01-01", {}, "YYYY-MM-DD"),
        ("2024-01-01", "2024-01-02", {"zone": "Mars/Olympus"}, "IANA"),
        ("2024-01-01", "2024-01-02", {"zone": "../etc/passwd"}, "IANA"),
        ("2024-01-01", "2024-01-02", {"granularity": "minute"}, "hour, day, week, month, auto"),
        ("2000-01-01", "2024-01-02", {}, "longer than"),
        ("2024-01-01", "2024-12-31", {"granularity": "hour"}, "granularity day"),
        ("0001-01-01", "0001-01-02", {"zone": "Asia/Tokyo"}, "1970 to 2199"),
        ("9999-12-31", "9999-12-31", {}, "1970 to 2199"),
    ],
)
def test_bad_parameters_say_what_to_pass_instead(start: str, end: str, options: dict[str, str], says: str) -> None:
    with pytest.raises(BadParameterError, match=says):
        resolve(start, end, **options)
