"""The values of all that rules watch, in one snapshot and a handful of queries however many rules there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Any

import numpy as np

from core import spools
from core.alerts.forecast import forecast
from core.alerts.judging import Reading
from core.alerts.measures import Source
from core.alerts.rules import Rule
from core.alerts.surroundings import Surroundings
from core.alerts.tracks import Point, Track
from core.alerts.usual import Usual
from core.reports.frame import newest_query
from core.reports.percentiles import percentiles
from core.reports.query import snapshot
from core.spools import SpoolState
from core.storage.database import Database
from core.storage.reading import Read, Rows

STALE = timedelta(seconds=30)
"""How far data may lag until what happens now is unknown. Silence and lag have measures of their own."""
RETIRED = timedelta(days=1)
"""A tap that was not heard of for so long is not expected back."""
WAITS = 10.0
"""Seconds a batch may wait in a spool until a tap's silence says nothing of the tap."""
UNSETTLED = timedelta(seconds=5)
"""Without taps nobody says up to when data is complete: rows are taken to need so long at most."""
DISK_STEP, DISK_STEPS = timedelta(minutes=10), 36
DISK_WEEK = timedelta(days=7)
ANCHOR_AGE = timedelta(hours=6)
HOUR = timedelta(hours=1)
UNKNOWN = Reading(nan)


@dataclass(frozen=True)
class Gathered:
    """`readings` and `tracks` by the names of rules; `complete_up_to`: the end of windows."""

    readings: Mapping[str, Reading]
    tracks: Mapping[str, Track]
    complete_up_to: datetime | None


def gather(
    database: Database,
    rules: Sequence[Rule],
    tracks: Mapping[str, Track],
    now: datetime,
    around: Surroundings,
    usual: Usual,
) -> Gathered:
    """Read what `rules` watch, as of `now`. Raises DatabaseUnavailableError."""
    states = [] if around.spools is None else spools.states(around.spools)
    with snapshot(database) as read:
        name, asked = newest_query(now)
        newest: datetime | None = read(name, asked)[0][0]
        if newest is not None and now - newest > RETIRED:
            newest = None
        stale = newest is not None and now - newest > STALE
        look = _Look(read, now, newest, around, states)
        by_source = {
            source: [rule for rule in rules if rule.what.source == source and not tracked(rule)]
            for source in ("samples", "traffic", "latency", "clients", "ingest", "disk")
        }
        found = {name: reading for source in by_source for name, reading in look.of(source, by_source[source]).items()}
        counted, kept = look.counted([rule for rule in rules if tracked(rule)], tracks, remember=not stale)
        found |= counted
        if stale:
            found |= {rule.name: _lagging(found[rule.name]) for rule in rules if rule.what.source in LIVE}
        for rule in rules:
            if rule.condition == "baseline":
                known, weeks = usual.of(read, rule.measure, newest or now)
                found[rule.name] = replace(found[rule.name], usual=known, weeks=weeks)
    return Gathered(found, kept, newest)


def read_now(database: Database, rule: Rule, now: datetime, around: Surroundings) -> Reading:
    """What one rule reads now, without anything that it remembers. Raises DatabaseUnavailableError."""
    return gather(database, [rule], {}, now, around, Usual(around.zone)).readings[rule.name]


LIVE: tuple[Source, ...] = ("samples", "traffic", "latency")


def tracked(rule: Rule) -> bool:
    """Whether it is counted: only hours are kept of what it is narrowed to, or it is a rate of errors, which a clock
    that is set back must not double."""
    filters = rule.filters
    narrow = filters.kind is not None or filters.client is not None or rule.measure == "error_code_rate"
    return narrow or (rule.what.source == "samples" and filters.event_type is not None)


def _lagging(reading: Reading) -> Reading:
    return replace(reading, value=nan, note="the data lags", absent=True)


class _Look:
    """One look at one snapshot."""

    def __init__(
        self, read: Read, now: datetime, newest: datetime | None, around: Surroundings, states: Sequence[SpoolState]
    ) -> None:
        self._read = read
        self._now = now
        self._end = (newest or now - UNSETTLED).replace(microsecond=0)
        self._has_taps = newest is not None
        self._newest = newest
        self._around = around
        self._spools = states

    def of(self, source: str, rules: Sequence[Rule]) -> Mapping[str, Reading]:
        if not rules:
            return {}
        found: Mapping[str, Reading] = getattr(self, f"_{source}")(rules)
        return found

    def _samples(self, rules: Sequence[Rule]) -> Mapping[str, Reading]:
        if not self._has_taps:
            return {rule.name: replace(UNKNOWN, note="no tap reports") for rule in rules}
        windows = sorted({rule.window for rule in rules})
        asked = {"windows": windows, "start": self._end - timedelta(seconds=windows[-1]), "end": self._end}
        names = ("connections", "events", "messages", "pending", "bytes", "cpu", "memory", "disk", "passes")
        rows = {row[0]: dict(zip(names, row[1:], strict=True)) for row in self._read("alert_samples", asked)}
        return {rule.name: _of_samples(rule.measure, rows.get(rule.window)) for rule in rules}

    def _traffic(self, rules: Sequence[Rule]) -> Mapping[str, Reading]:
        ends = [self._end - self._settled(rule) for rule in rules]
        starts = [end - timedelta(seconds=rule.window) for end, rule in zip(ends, rules, strict=True)]
        asked = {
            "keys": list(range(len(rules))), "starts": starts, "ends": ends, "first": min(starts), "last": max(ends),
            "event_types": [rule.filters.event_type for rule in rules],
        }  # fmt: skip
        found = {}
        for key, messages, wanting, errors, unanswered, size in self._read("alert_traffic", asked):
            rule = rules[key]
            counted = Point(float(rule.window), messages, errors, unanswered, size)
            found[rule.name] = of_counts(rule, counted, wanting)
        return found

    def _settled(self, rule: Rule) -> timedelta:
        """How long ago the window ends: whether a message stays unanswered is known once its time is over."""
        return timedelta(seconds=self._around.answer_timeout + 1 if rule.measure == "unanswered_share" else 0)

    def _latency(self, rules: Sequence[Rule]) -> Mapping[str, Reading]:
        starts = [self._end - timedelta(seconds=rule.window) for rule in rules]
        asked = {
            "keys": list(range(len(rules))), "starts": starts, "first": min(starts), "end": self._end,
            "event_types": [rule.filters.event_type for rule in rules],
        }  # fmt: skip
        rows = np.array(self._read("alert_latency", asked), dtype=np.int64).reshape(-1, 3)
        found = {}
        for key, rule in enumerate(rules):
            bins = rows[rows[:, 0] == key]
            found[rule.name] = Reading(percentiles(bins[:, 1], bins[:, 2], (0.95,))[0], int(bins[:, 2].sum()))
        return found

    def _clients(self, rules: Sequence[Rule]) -> Mapping[str, Reading]:
        hour = self._end.replace(minute=0, second=0) - HOUR
        rows = self._read("alert_clients_hour", {"hours": [hour]})
        reading = Reading(float(rows[0][1]) if rows else 0.0 if self._has_taps else nan)
        return {rule.name: reading for rule in rules}

    def _ingest(self, rules: Sequence[Rule]) -> Mapping[str, Reading]:
        return {rule.name: self._of_ingest(rule) for rule in rules}

    def _of_ingest(self, rule: Rule) -> Reading:
        waiting = max((state.age(self._now).total_seconds() for state in self._spools), default=nan)
        match rule.measure:
            case "spool_wait_seconds":
                return Reading(waiting)
            case "spool_percent":
                largest = max((state.size for state in self._spools), default=nan)
                return Reading(100 * largest / self._around.spool_max_bytes)
            case "tap_silence" if waiting > WAITS:
                return replace(UNKNOWN, note="batches wait in the spool")
            case "tap_silence":
                rows = self._read("alert_taps", {"since": self._now - RETIRED})
                return Reading(max((self._now - rows[0][3]).total_seconds(), 0.0) if rows else 0.0)
            case "data_age":
                return Reading((self._now - self._newest).total_seconds() if self._newest else nan)
        since = self._now - timedelta(seconds=rule.window)
        dropped, quarantined = self._read("ingest_recent", {"since": since, "end": self._now})[0]
        return Reading(float(dropped if rule.measure == "dropped_records" else quarantined))

    def _disk(self, rules: Sequence[Rule]) -> Mapping[str, Reading]:
        reading = Reading(days_until_full(disk_trends(self._read, self._end)))
        return {rule.name: reading for rule in rules}

    def counted(
        self, rules: Sequence[Rule], tracks: Mapping[str, Track], *, remember: bool
    ) -> tuple[Mapping[str, Reading], Mapping[str, Track]]:
        """Readings of rules that remember what was counted, and what they remember now."""
        if not rules:
            return {}, {}
        hour = self._now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        old = {rule.name: tracks.get(rule.name) or Track(hour - HOUR) for rule in rules}
        aged = [rule for rule in rules if hour - old[rule.name].anchor > ANCHOR_AGE]
        asked = [(rule, old[rule.name].anchor) for rule in rules] + [(rule, hour - HOUR) for rule in aged]
        counted = self._count(asked)
        readings, kept = {}, {}
        for place, rule in enumerate(rules):
            track, now = old[rule.name], counted[place]
            if rule in aged:
                later = counted[len(rules) + aged.index(rule)]
                track, now = track.moved(hour - HOUR, now.minus(later)), later
            kept[rule.name] = track.seen(now, rule) if remember else track
            within = kept[rule.name].over(now, rule)
            readings[rule.name] = (
                replace(UNKNOWN, note="counting has just begun") if within is None else of_counts(rule, within)
            )
        return readings, kept

    def _count(self, asked: Sequence[tuple[Rule, datetime]]) -> list[Point]:
        filters = [rule.filters for rule, _ in asked]
        rows = self._read("alert_counters", {
            "keys": list(range(len(asked))), "anchors": [anchor for _, anchor in asked],
            "event_types": [each.event_type for each in filters], "kinds": [each.kind for each in filters],
            "clients": [each.client for each in filters], "error_codes": [each.error_code for each in filters],
        })  # fmt: skip
        at = self._now.timestamp()
        by_key = {key: Point(at, *counts) for key, *counts in rows}
        return [by_key.get(key, Point(at, 0, 0, 0, 0)) for key in range(len(asked))]


def _of_samples(measure: str, row: Mapping[str, float | None] | None) -> Reading:
    if row is None:
        return Reading(nan, absent=True)
    messages = int(row["messages"] or 0)
    value: float | None
    match measure:
        case "events_per_second":
            return Reading(row["events"] or 0.0, messages)
        case "bytes_per_second":
            return Reading(row["bytes"] or 0.0, messages)
        case "waiting_seconds":
            # of few messages a second hardly any wait: one that is never answered must not count as much
            pending = row["pending"] or 0.0
            return Reading(pending / max(row["events"] or 0.0, 1.0), int(pending))
        case "connections":
            value = row["connections"]
        case _:
            value = row[measure.removesuffix("_percent")]
    return Reading(nan if value is None else value)


def of_counts(rule: Rule, counted: Point, wanting: int | None = None) -> Reading:
    """`counted` within the window of `counted.at` seconds; `wanting`: messages of it that want an answer."""
    messages = counted.messages
    match rule.measure:
        case "events_per_second":
            return Reading(messages / counted.at, messages)
        case "bytes_per_second":
            return Reading(counted.bytes / counted.at, messages)
        case "error_code_rate":
            return Reading(counted.errors / counted.at)
        case "error_share":
            return Reading(100 * counted.errors / messages if messages else nan, messages)
    asked = messages if wanting is None else wanting
    return Reading(100 * counted.unanswered / asked if asked else nan, asked)


Trends = Mapping[str, tuple[list[float], list[float]]]


def disk_trends(read: Read, end: datetime) -> Trends:
    """Use of the disk (per cent) at moments (seconds since the Unix epoch): of the last hours, and of the last days."""
    moments = [end - DISK_STEP * step for step in range(DISK_STEPS, 0, -1)]
    rows: Rows = read("alert_disk", {"moments": moments, "since": end - DISK_WEEK, "end": end})
    trends: dict[str, tuple[list[float], list[float]]] = {"recent": ([], []), "week": ([], [])}
    for trend, at, percent in rows:
        trends[trend][0].append(at.timestamp())
        trends[trend][1].append(percent)
    return trends


def days_until_full(trends: Trends) -> float:
    """By whichever trend is full sooner; infinite while nothing grows, NaN while nothing is known."""
    known: list[Any] = [forecast(*trend, 100.0) for trend in trends.values() if trend[0]]
    if not known:
        return nan
    return min((each.seconds / 86_400 for each in known if each is not None), default=float("inf"))
