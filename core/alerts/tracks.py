"""Rates from counters that only grow: for what only hours are kept of, such as one client, kind or error code.

A rule that is narrowed so remembers what was counted at each look, and takes differences over its window. That reads a
few rows of hours instead of scanning raw ones, and counts rows when they are stored: no jump of the clock matters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from core.alerts.rules import Rule

POINTS = 20
"""How many looks a window is remembered by."""


@dataclass(frozen=True)
class Point:
    """What was counted since the anchor, at a moment (seconds since the Unix epoch)."""

    at: float
    messages: int
    errors: int
    unanswered: int
    bytes: int

    def minus(self, other: Point) -> Point:
        return Point(
            self.at - other.at, self.messages - other.messages, self.errors - other.errors,
            self.unanswered - other.unanswered, self.bytes - other.bytes,
        )  # fmt: skip


@dataclass(frozen=True)
class Track:
    """What a rule remembers. `anchor`: the UTC hour from which on it counts; `points`: the oldest first."""

    anchor: datetime
    points: tuple[Point, ...] = ()

    def moved(self, anchor: datetime, counted_between: Point) -> Track:
        """The same from a later anchor; `counted_between`: what both anchors lie apart."""
        shifted = (replace(point.minus(counted_between), at=point.at) for point in self.points)
        return Track(anchor, tuple(shifted))

    def seen(self, now: Point, rule: Rule) -> Track:
        """With this look. One that is behind an earlier one (the clock went back, rows were taken away) begins anew, as
        one does that comes too long after."""
        points = self.points
        if points and (now.at < points[-1].at or now.messages < points[-1].messages or now.errors < points[-1].errors):
            points = ()
        if points and now.at - points[-1].at > rule.window:
            points = ()
        kept = [point for point in points if now.at - point.at <= 2 * rule.window]
        if not kept or now.at - kept[-1].at >= rule.window / POINTS:
            kept.append(now)
        return Track(self.anchor, tuple(kept))

    def over(self, now: Point, rule: Rule) -> Point | None:
        """What was counted within the window up to `now`, with its seconds as `at`; None while too little is known."""
        before = [point for point in self.points if now.at - point.at >= rule.window]
        return now.minus(before[-1]) if before else None
