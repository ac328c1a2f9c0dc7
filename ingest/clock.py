"""Durations come from a monotonic clock, timestamps from UTC: this joins the two."""

from __future__ import annotations

import time

monotonic = time.monotonic


class Clock:
    """Turns monotonic seconds into microseconds since the Unix epoch. `adjust` follows the system's clock."""

    __slots__ = ("offset",)

    def __init__(self) -> None:
        self.adjust()

    def adjust(self) -> None:
        self.offset = time.time() - time.monotonic()  # seconds from the monotonic clock to the Unix epoch

    def at(self, now: float) -> int:
        """Microseconds since the Unix epoch at the monotonic instant `now`."""
        return int((now + self.offset) * 1_000_000)
