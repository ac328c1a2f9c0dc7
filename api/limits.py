"""How much one may ask: calls per token and time, exports at once, the size of a request."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from core.exceptions import RelayAnalyticsError

LONGEST_TARGET = 8192
"""Bytes of path and query."""
LONGEST_BODY = 64 * 1024
"""Bytes of the body of a call that changes something."""
BUSY_RETRY_SECONDS = 10


class TooManyCallsError(RelayAnalyticsError):
    """This token has made more calls than its limit allows; go on after `Retry-After` seconds."""


class TooManyExportsError(RelayAnalyticsError):
    """As many exports of raw events run as the server allows; try again in a while."""


@dataclass(frozen=True)
class Standing:
    """Where a token stands: calls it may make per window, how many are left, and seconds until there are more."""

    allowed: bool
    limit: int
    window: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers, and the three of its older versions."""
        found = {
            "RateLimit-Policy": f'"token";q={self.limit};w={self.window}',
            "RateLimit": f'"token";r={self.remaining};t={self.reset}',
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }
        return found if self.allowed else found | {"Retry-After": str(max(self.reset, 1))}


class RateLimit:
    """Calls per token, counted in this process over a sliding window. `rule`: such as `600/minute`, or `off`."""

    def __init__(self, rule: str) -> None:
        self._rule = None if rule == "off" else parse(rule)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, token_id: str, now: float) -> Standing | None:
        """Count a call; None when nothing is limited. `now`: seconds since the Unix epoch."""
        if self._rule is None:
            return None
        allowed = self._limiter.hit(self._rule, token_id)
        stats = self._limiter.get_window_stats(self._rule, token_id)
        reset = max(math.ceil(stats.reset_time - now), 0)
        return Standing(allowed, self._rule.amount, self._rule.get_expiry(), max(stats.remaining, 0), reset)


class Slots:
    """A number of things at once."""

    def __init__(self, number: int) -> None:
        self._free = threading.BoundedSemaphore(number)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot. Raises TooManyExportsError when none is free."""
        if not self._free.acquire(blocking=False):
            raise TooManyExportsError
        try:
            yield
        finally:
            self._free.release()
