"""Why an incident opened: what changed most between the time before and the time of it, by app, client, kind and code.

Rows of the last minutes come from raw, since only raw says which app sent which kind in the same minute; where there
are many, from slices of time spread evenly over them, so that the work is bounded. Changes against past weeks come from
the roll-ups of the hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from core.alerts.contributions import Contribution, Dimension, contributions
from core.alerts.rules import Rule
from core.alerts.surroundings import Surroundings
from core.reports.query import snapshot
from core.storage.database import Database
from core.storage.reading import Read, Rows

MOST_MESSAGES = 20_000
"""Messages of each side that are looked at, about."""
SLICES = 20
LONGEST = 900.0
"""Seconds of each side, at most."""
WAITING_SINCE = timedelta(seconds=30)
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)

DIMENSIONS: tuple[Dimension, ...] = ("app", "client", "kind", "event_type", "error_code", "reason")
"""In the order in which they are told."""


def causes(
    database: Database, rule: Rule, held: float, end: datetime, now: datetime, around: Surroundings
) -> list[Contribution]:
    """Why `rule` is bad, after it has been for `held` seconds; `end`: up to when data is complete.

    Empty where nothing explains it. Raises DatabaseUnavailableError.
    """
    part = rule.what.part
    with snapshot(database) as read:
        if part == "taps":
            return _taps(read, now)
        if part == "tables":
            return _tables(read)
        if part == "reasons":
            since = now - timedelta(seconds=rule.window)
            return _ranked(read("alert_causes_refused", {"since": since, "end": now}), rule)
        if part == "waiting":
            found = _ranked(read("alert_causes_waiting", {"since": end - WAITING_SINCE, "end": end}), rule)
            return found or _of_messages(read, rule, "messages", held, end)
        if rule.condition == "baseline":
            # a burst of minutes hardly shows in an hour, a slow change hardly in minutes
            return _of_hours(read, rule, end) or _of_messages(read, rule, part, held, end)
        if part == "unanswered":
            end -= timedelta(seconds=around.answer_timeout)
        return _of_messages(read, rule, part, held, end)


def _of_messages(read: Read, rule: Rule, part: str, held: float, end: datetime) -> list[Contribution]:
    seconds = min(rule.window + held, LONGEST)
    begin = end - timedelta(seconds=seconds)
    sides = [(begin - timedelta(seconds=seconds), begin), (begin, end)]
    step = seconds / SLICES
    widths = [_width(read, start, stop, step) for start, stop in sides]
    filters = rule.filters
    rows = read("alert_causes", {
        "starts": [start for start, _ in sides], "ends": [stop for _, stop in sides], "during": [False, True],
        "steps": [step, step], "widths": widths, "before_seconds": SLICES * widths[0],
        "during_seconds": SLICES * widths[1], "part": part, "slow_ms": rule.threshold, "event_type": filters.event_type,
        "client": filters.client, "kind": filters.kind, "error_code": filters.error_code,
    })  # fmt: skip
    return _ranked(rows, rule)


def _width(read: Read, start: datetime, end: datetime, step: float) -> float:
    """Seconds of every `step` to look at, so that about MOST_MESSAGES are; all of them where there are no more."""
    asked = {"keys": [0], "starts": [start], "ends": [end], "first": start, "last": end, "event_types": [None]}
    messages: int = read("alert_traffic", asked)[0][1]
    return step * min(MOST_MESSAGES / max(messages, 1), 1.0)


def _of_hours(read: Read, rule: Rule, end: datetime) -> list[Contribution]:
    """This hour against the same a week ago."""
    hour = end.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if end - hour < HOUR / 6:  # a few minutes say little: the hour that has just ended does
        hour, passed = hour - HOUR, HOUR
    else:
        passed = end - hour
    asked = {
        "before": hour - WEEK, "during": hour, "during_seconds": passed.total_seconds(), "part": rule.what.part,
    }  # fmt: skip
    return _ranked(read("alert_causes_hours", asked), rule)


def _ranked(rows: Rows, rule: Rule) -> list[Contribution]:
    wholes = {(before, during) for dimension, _, before, during in rows if dimension == "all"}
    if not wholes:
        return []
    (whole,) = wholes
    falling = rule.condition == "baseline" and rule.direction == "below"
    amounts: dict[str, list[tuple[str, float, float]]] = {name: [] for name in DIMENSIONS}
    for dimension, name, before, during in rows:
        if name is not None and dimension != "all":
            amounts[dimension].append((name, before, during))
    return [
        each
        for dimension in DIMENSIONS
        for each in contributions(dimension, amounts[dimension], whole, falling=falling)
    ]


def _taps(read: Read, now: datetime) -> list[Contribution]:
    """The taps that are silent, the longest first: `during` is for how many seconds."""
    rows = read("alert_taps", {"since": now - timedelta(days=1)})
    silent = [
        (f"{relay}{f' on {host}' if host else ''}, worker {worker}", (now - newest).total_seconds())
        for relay, host, worker, newest in rows
    ]
    return [Contribution("tap", name, 0.0, seconds, 1.0) for name, seconds in silent if seconds > 10][:5]


def _tables(read: Read) -> list[Contribution]:
    """The largest tables: `during` in bytes, `share` of the whole database."""
    rows = read("storage_tables", {"limit": 5})
    size = cast("int", read("storage_state", {})[0][1])
    return [Contribution("table", name, 0.0, float(used), used / size) for name, used in rows if used > 0.02 * size]


def as_json(found: Iterable[Contribution]) -> list[dict[str, Any]]:
    """As it is kept with an incident."""
    return [vars(each) for each in found]


def from_json(kept: Iterable[dict[str, Any]]) -> list[Contribution]:
    return [Contribution(**each) for each in kept]
