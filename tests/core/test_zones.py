"""A zone that is not whole hours from UTC gets the nearest one that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo, available_timezones

import pytest

from core.zones import HOUR, whole_hour_zone

WINTER, SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "nearest", "minutes"),
    [
        ("Asia/Kolkata", "Etc/GMT-5", -30),
        ("Asia/Kathmandu", "Etc/GMT-6", 15),
        ("Australia/Eucla", "Etc/GMT-9", 15),
        ("Pacific/Marquesas", "Etc/GMT+10", -30),
        ("America/St_Johns", "America/Halifax", -30),
    ],
)
def test_the_nearest_clock_of_whole_hours(zone: str, nearest: str, minutes: int) -> None:
    for at in (WINTER, SUMMER):
        assert whole_hour_zone(ZoneInfo(zone), at) == (nearest, timedelta(minutes=minutes))


def test_every_zone_has_one_within_the_hour() -> None:
    for zone, at in product(sorted(available_timezones()), (WINTER, SUMMER)):
        found = whole_hour_zone(ZoneInfo(zone), at)
        offset = at.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)
        if found is None:
            assert offset % HOUR == timedelta(0), zone
            continue
        name, ahead = found
        other = at.astimezone(ZoneInfo(name)).utcoffset() or timedelta(0)
        assert other % HOUR == timedelta(0), zone
        assert other - offset == ahead, zone
        assert abs(ahead) < HOUR, zone
