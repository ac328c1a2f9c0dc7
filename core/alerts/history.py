"""What a rule would have read in the past: minute by minute where minutes are kept, else hour by hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import nan
from zoneinfo import ZoneInfo

from core.alerts.baseline import baseline, past_hours
from core.alerts.judging import Reading
from core.alerts.readings import of_counts, tracked
from core.alerts.rules import Rule
from core.alerts.tracks import Point
from core.alerts.usual import values_of_hours
from core.reports.query import snapshot
from core.storage.database import Database
from core.storage.reading import Read

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
GAUGES = ("connections", "cpu_percent", "memory_percent", "disk_percent")


@dataclass(frozen=True)
class Past:
    """A reading as of the end of a step. `value` of it is over the rule's window, or over the hour."""

    at: datetime
    reading: Reading


def has_past(rule: Rule) -> bool:
    """Whether anything of it is kept."""
    return rule.what.history is not None


def grain_of(rule: Rule) -> timedelta:
    """The step in which its past is known. Raises ValueError when nothing of it is kept."""
    if rule.what.history is None:
        raise ValueError(f"{rule.measure} has no past")
    return HOUR if tracked(rule) or rule.what.history == HOUR.total_seconds() else MINUTE


def past(database: Database, rule: Rule, start: datetime, end: datetime, zone: ZoneInfo) -> list[Past]:
    """What the rule would have read in [start, end), with its baseline; steps of which nothing is known are left out.

    Raises ValueError when nothing of its measure is kept, DatabaseUnavailableError.
    """
    grain = grain_of(rule)
    with snapshot(database) as read:
        found = list(_minutes(read, rule, start, end) if grain == MINUTE else _hours(read, rule, start, end))
        if rule.condition == "baseline":
            return _with_usual(read, rule, found, zone)
    return found


def _minutes(read: Read, rule: Rule, start: datetime, end: datetime) -> Iterator[Past]:
    length = -(-rule.window // 60)
    asked = {"start": start - length * MINUTE, "end": end, "event_type": rule.filters.event_type}
    within: deque[tuple[datetime, Point, int]] = deque()
    for bucket, messages, errors, unanswered, size, wanting, *gauges in read("alert_history", asked):
        within.append((bucket, Point(60.0, messages, errors, unanswered, size), wanting))
        while within[0][0] <= bucket - length * MINUTE:
            within.popleft()
        if bucket < start:
            continue
        if rule.measure in GAUGES:
            value = gauges[GAUGES.index(rule.measure)]
            yield Past(bucket + MINUTE, Reading(nan if value is None else value))
        else:
            counted = _sum([point for _, point, _ in within], 60.0 * length)
            yield Past(bucket + MINUTE, of_counts(rule, counted, sum(asked_for for _, _, asked_for in within)))


def _sum(points: Sequence[Point], seconds: float) -> Point:
    return Point(
        seconds, sum(each.messages for each in points), sum(each.errors for each in points),
        sum(each.unanswered for each in points), sum(each.bytes for each in points),
    )  # fmt: skip


def _hours(read: Read, rule: Rule, start: datetime, end: datetime) -> Iterator[Past]:
    first = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if rule.measure in ("response_time_p95", "unique_clients"):
        hours = [first + HOUR * number for number in range(int((end - first) / HOUR))]
        for bucket, value in sorted(values_of_hours(read, rule.measure, hours).items()):
            yield Past(bucket + HOUR, Reading(value))
        return
    asked = {"start": first, "end": end, **dict.fromkeys(("event_type", "client", "error_code", "kind"))}
    for bucket, *counts in read("alert_history_hours", asked | rule.filters.given):
        yield Past(bucket + HOUR, of_counts(rule, Point(HOUR.total_seconds(), *counts)))


def _with_usual(read: Read, rule: Rule, found: list[Past], zone: ZoneInfo) -> list[Past]:
    def hour_of(each: Past) -> datetime:
        return (each.at - MINUTE).replace(minute=0, second=0, microsecond=0)

    hours = {hour_of(each): past_hours(hour_of(each), zone) for each in found}
    values = values_of_hours(read, rule.measure, sorted({one for many in hours.values() for one in many}))
    known = {hour: [values[one] for one in many if one in values] for hour, many in hours.items()}
    usual = {hour: baseline(many) for hour, many in known.items()}
    return [
        replace(
            each, reading=replace(each.reading, usual=usual[hour_of(each)], weeks=len(known[hour_of(each)]))
        )
        for each in found
    ]  # fmt: skip
