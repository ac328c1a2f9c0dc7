"""When schedules are due and what they cover, around the days on which clocks jump."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.exceptions import BadParameterError
from core.schedules.timing import Days, checked_covers, checked_cron, days_covered, due_between, in_words, next_due


def due(expression: str, zone: str, start: str, end: str) -> list[str]:
    where = ZoneInfo(zone)
    first, last = (datetime.fromisoformat(text).replace(tzinfo=where) for text in (start, end))
    return [f"{at.astimezone(where):%d %H:%M%z}" for at in due_between(expression, where, first, last)]


BERLIN, CAIRO, NEW_YORK, LORD_HOWE = "Europe/Berlin", "Africa/Cairo", "America/New_York", "Australia/Lord_Howe"
NIGHTLY = "30 2 * * *"


@pytest.mark.parametrize(
    ("zone", "expression", "start", "end", "expected"),
    [
        # 02:00 to 03:00 is missing: due once, when it ends
        (BERLIN, NIGHTLY, "2026-03-28", "2026-03-31", ["28 02:30+0100", "29 03:00+0200", "30 02:30+0200"]),
        # 02:00 to 03:00 comes twice: due once, the first time
        (BERLIN, NIGHTLY, "2026-10-24", "2026-10-27", ["24 02:30+0200", "25 02:30+0200", "26 02:30+0100"]),
        # midnight itself is missing
        (CAIRO, "0 0 * * *", "2026-04-22T12:00", "2026-04-24T12:00", ["23 00:00+0200", "24 01:00+0300"]),
        (NEW_YORK, "15 2 * * *", "2026-03-07T12:00", "2026-03-09T12:00", ["08 03:00-0400", "09 02:15-0400"]),
        (NEW_YORK, "15 1 * * *", "2026-10-31T12:00", "2026-11-02T12:00", ["01 01:15-0400", "02 01:15-0500"]),
        # the clock goes back by half an hour
        (LORD_HOWE, "45 1 * * *", "2026-04-04T12:00", "2026-04-06T12:00", ["05 01:45+1100", "06 01:45+1030"]),
        ("Asia/Kolkata", "0 6 1 * *", "2026-01-15", "2026-03-15", ["01 06:00+0530", "01 06:00+0530"]),
    ],
)  # fmt: skip
def test_each_local_time_comes_once_in_both_nights(
    zone: str, expression: str, start: str, end: str, expected: list[str]
) -> None:
    assert due(expression, zone, start, end) == expected


@pytest.mark.parametrize(
    ("covers", "at", "expected"),
    [
        ("yesterday", "2026-03-01T06:00", Days(date(2026, 2, 28), date(2026, 2, 28))),
        ("last-week", "2026-03-02T06:00", Days(date(2026, 2, 23), date(2026, 3, 1))),
        ("last-week", "2026-03-08T23:59", Days(date(2026, 2, 23), date(2026, 3, 1))),
        ("last-month", "2026-03-01T00:00", Days(date(2026, 2, 1), date(2026, 2, 28))),
        ("last-month", "2026-01-31T06:00", Days(date(2025, 12, 1), date(2025, 12, 31))),
        ("last-30-days", "2026-03-31T06:00", Days(date(2026, 3, 1), date(2026, 3, 30))),
    ],
)
def test_it_covers_whole_days_up_to_the_day_before(covers: str, at: str, expected: Days) -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert days_covered(covers, datetime.fromisoformat(at).replace(tzinfo=zone), zone) == expected


def test_the_day_is_that_of_the_zone() -> None:
    at = datetime(2026, 3, 1, 2, tzinfo=UTC)
    assert days_covered("yesterday", at, ZoneInfo("America/New_York")).last == date(2026, 2, 27)
    assert days_covered("yesterday", at, ZoneInfo("Asia/Tokyo")).last == date(2026, 2, 28)


@pytest.mark.parametrize("wrong", ["", "* * * *", "60 * * * *", "0 6 1 * * *", "soon", "0 0 31 2 *", "@daily"])
def test_what_is_no_cron_expression_or_never_comes_is_refused(wrong: str) -> None:
    with pytest.raises(BadParameterError):
        checked_cron(wrong)


@pytest.mark.parametrize("wrong", ["", "today", "last-0-days", "last--days", "last-N-days", "last-9999-days"])
def test_what_covers_nothing_known_is_refused(wrong: str) -> None:
    with pytest.raises(BadParameterError):
        checked_covers(wrong)


def test_an_expression_is_said_in_words() -> None:
    assert in_words(checked_cron(" 0  6 1 * * ")) == "At 06:00 on the first day of every month"


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.integers(0, 59),
    st.integers(0, 23),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),  # noqa: DTZ001 (hypothesis wants them so)
)
def test_a_daily_schedule_is_due_once_on_each_day(name: str, minute: int, hour: int, start: datetime) -> None:
    zone = ZoneInfo(name)
    first = start.replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=zone)
    last = (first.replace(tzinfo=None) + timedelta(days=20)).replace(tzinfo=zone)
    days = [at.astimezone(zone).date() for at in due_between(f"{minute} {hour} * * *", zone, first, last)]
    assert len(days) == len(set(days)) == 20
    assert next_due(f"{minute} {hour} * * *", zone, first).astimezone(zone).date() == days[0]
