"""Named ranges: what "the last seven days" means, in which zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.periods import resolve
from core.ranges import NAMES, last, months

NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)  # in Berlin it is the 30th, the day after the clocks went forward
BERLIN = ZoneInfo("Europe/Berlin")


def test_24h_ends_with_the_running_hour() -> None:
    start, end = last("24h", NOW, BERLIN)
    assert (start, end) == (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 23, tzinfo=UTC))
    period = resolve(start, end, zone="Europe/Berlin")
    assert len(period.starts) == 24


def test_days_end_with_today_in_the_zone() -> None:
    assert last("7d", NOW, BERLIN) == (date(2026, 3, 24), date(2026, 3, 30))
    assert last("7d", NOW, ZoneInfo("UTC")) == (date(2026, 3, 23), date(2026, 3, 29))


@pytest.mark.parametrize("name", NAMES)
def test_every_range_is_one_that_reports_take(name: str) -> None:
    start, end = last(name, NOW, BERLIN)
    period = resolve(start, end, zone="Europe/Berlin")
    assert period.start < NOW < period.end <= NOW + timedelta(days=1)


def test_months_are_of_the_zone_and_newest_first() -> None:
    at = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    assert months(at, ZoneInfo("America/New_York"), 3) == ["2025-12", "2025-11", "2025-10"]
    assert months(at, BERLIN, 2) == ["2026-01", "2025-12"]
