"""Time zones that are not whole hours from UTC, and which one comes next to each that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
SAME_CLOCK_CHANGES = {
    "America/St_Johns": "America/Halifax",
    "Canada/Newfoundland": "America/Halifax",
    "Australia/Adelaide": "Australia/Sydney",
    "Australia/South": "Australia/Sydney",
    "Australia/Broken_Hill": "Australia/Sydney",
    "Australia/Yancowinna": "Australia/Sydney",
    "Australia/Lord_Howe": "Australia/Sydney",
    "Australia/LHI": "Australia/Sydney",
    "Pacific/Chatham": "Pacific/Auckland",
    "NZ-CHAT": "Pacific/Auckland",
}
"""Of zones whose clocks change: one whose clocks change on the same days."""


def whole_hour_zone(zone: ZoneInfo, at: datetime) -> tuple[str, timedelta] | None:
    """The zone of whole hours whose clock is nearest to that of `zone` around `at`, and how far it goes ahead of it.

    None where `zone` itself is whole hours from UTC.
    """
    offset = _offset(zone, at)
    if offset % HOUR == timedelta(0):
        return None
    name = SAME_CLOCK_CHANGES.get(zone.key)
    if name is None:
        hours = (offset + HOUR / 2 - timedelta(seconds=1)) // HOUR  # of two equally near the one behind
        name = f"Etc/GMT{-hours:+d}"  # such names count westwards
    return name, _offset(ZoneInfo(name), at) - offset


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(UTC).astimezone(zone).utcoffset() or timedelta(0)
