"""The user report: unique clients over time, new and returning ones, growth, and retention by cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from core.periods import Period
from core.reports import comparison as comparing
from core.reports import frame as framing
from core.reports.client_sets import Ints, Sets, Steps, chunks, count, known_before
from core.reports.cohorts import COHORT, COHORTS, cohort_period, cohort_table, retained
from core.reports.declaration import Column, Parameter, Report, Result, Table
from core.reports.frame import Day, Frame, ratio
from core.reports.kinds import kept_from
from core.reports.query import Rows, snapshot
from core.storage.client_kind_sums import steps_of_senders
from core.storage.database import Database

LONGEST = {"hour": timedelta(days=1), "day": timedelta(days=2), "week": timedelta(days=14), "month": timedelta(days=62)}
"""More than the length of a bucket."""
OF_A_TYPE = "with an event type or kind, all is about messages of that one: new is who never sent one before"

SUMMARY = Table(
    "summary",
    f"one row for the whole range; {OF_A_TYPE}",
    (
        Column("clients", "unique clients that sent a message in the range", "clients"),
        Column("new", "those whose first message ever falls in the range", "clients"),
        Column("returning", "those that had been active before the range", "clients"),
        Column("known_before", "unique clients ever before the range", "clients"),
        Column("growth", "new clients relative to those known before; null when there were none"),
        Column("compared_clients", "unique clients up to the last whole hour that has elapsed", "clients"),
        Column("compared_new", "new clients up to then", "clients"),
        Column("previous_clients", "unique clients in as much of the period before, the same weekdays", "clients"),
        Column("previous_new", "new clients in as much of the period before", "clients"),
        Column("change", "relative change of unique clients; null when there were none before"),
        Column("change_new", "relative change of new clients; null when there were none before"),
        Column("previous_start", "first instant of the period before"),
        Column("previous_end", "first instant no longer compared"),
    ),
)
TIMELINE = Table(
    "timeline",
    f"one row per bucket; empty ones are present with zero; {OF_A_TYPE}",
    (
        Column("timestamp", "beginning of the bucket"),
        Column("clients", "unique clients that sent a message in the bucket", "clients"),
        Column("new", "those whose first message ever falls in the bucket", "clients"),
        Column("returning", "those that had been active before the bucket", "clients"),
        Column("known", "unique clients ever until the end of the bucket", "clients"),
        Column(
            "lost",
            "clients of the bucket before that are not in this one (for a running bucket: not yet); the first row is "
            "compared with the bucket, or the part of one, that ends where the range begins",
            "clients",
        ),
    ),
)


@dataclass(frozen=True)
class _Cuts:
    """The edges that the numbers of a report lie between."""

    buckets: Sequence[datetime]
    """Of the timeline, the bucket before the range first."""
    whole: Sequence[datetime]
    compared: Sequence[datetime]
    previous: Sequence[datetime]
    cohorts: Sequence[datetime]

    @property
    def steps(self) -> Steps:
        return Steps.cut_at(self.buckets, self.whole, self.compared, self.previous, self.cohorts)


@dataclass(frozen=True)
class _Counts:
    """Numbers of clients, of one chunk or of all."""

    timeline: Ints
    """(buckets, 4): active, active before too, active in the bucket before, of these in this too."""
    totals: Ints
    """(3, 2): of the range, of its elapsed part and of the period before: active, active before too."""
    known_before: int
    cohorts: Ints

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(
            self.timeline + other.timeline,
            self.totals + other.totals,
            self.known_before + other.known_before,
            self.cohorts + other.cohorts,
        )


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    granularity: str = "auto",
    time_zone: str = "UTC",
    event_type: str | None = None,
    kind: int | None = None,
    compare: bool = True,
    cohort: str | None = None,
) -> Result:
    """Unique clients of a range: who sent a message; being connected alone does not count.

    Raises BadParameterError and DatabaseUnavailableError.
    """
    framing.checked_event_type(event_type)
    framing.checked_kind(kind, event_type)
    bits: Rows = []
    pending: Rows | Ints
    with snapshot(database) as read:
        hours_from = framing.kept_hours_from(read)
        asked = framing.frame(start, end, granularity, time_zone, hours_from, _with_one_before)
        by_cohort, widened = cohort_period(asked.period, cohort)
        compared, before, of_before = comparing.compared(asked, now, hours_from)
        cuts = _cuts(asked.period, by_cohort, (compared, before) if compare else None)
        steps = cuts.steps
        framing.check_whole_hours(steps.edges, asked.period.zone)
        parameters = steps.parameters(event_type)
        newest_ahead = read.ahead(*framing.newest_query(now))
        if kind is None:
            bits, pending = read("users_active", parameters), read("users_pending", parameters)
        else:
            pending = steps_of_senders(read, steps.edges, kind)
        newest, notes = newest_ahead(), kept_from(read, asked.period, kind) + (of_before if compare else [])
    counts = _nobody(cuts)
    for sets in chunks(bits, pending, steps):
        counts += _counted(sets, steps, cuts)
    meta = framing.meta("users", asked, database, now, newest, notes=notes)
    return Result(
        replace(meta, warnings=meta.warnings + widened),
        {
            "summary": _summary(counts, asked.period, cuts, compare=compare),
            "timeline": _timeline(counts, asked, cuts, now),
            "cohorts": cohort_table(counts.cohorts, by_cohort, now),
        },
    )


def _with_one_before(period: Period) -> list[datetime]:
    """The edges of a period and the beginning of the bucket before it."""
    before = replace(period, start=period.start - LONGEST[period.granularity], end=period.start).starts[-1]
    return [before, *period.edges]


def _cuts(period: Period, by_cohort: Period, compared: tuple[Period, Period] | None) -> _Cuts:
    """`compared`: as much of the period as is compared, and what with; None: nothing is."""
    current, previous = compared or (replace(period, end=period.start),) * 2
    return _Cuts(
        buckets=_with_one_before(period),
        whole=[period.start, period.end],
        compared=[current.start, current.end],
        previous=[previous.start, previous.end],
        cohorts=by_cohort.edges,
    )


def _nobody(cuts: _Cuts) -> _Counts:
    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    return _Counts(zeros(len(cuts.buckets) - 2, 4), zeros(3, 2), 0, zeros(len(cuts.cohorts) - 1, len(cuts.cohorts) - 1))


def _counted(sets: Sets, steps: Steps, cuts: _Cuts) -> _Counts:
    known = steps.before(sets, cuts.whole[0])
    with_previous = steps.between(sets, cuts.buckets)
    active, last = with_previous[1:], with_previous[:-1]
    clients = count(with_previous)
    returning = count(active & known_before(active, known))
    totals = []
    for edges in (cuts.whole, cuts.compared, cuts.previous):
        [within] = steps.between(sets, edges)
        totals.append([count(within), count(within & steps.before(sets, edges[0]))])
    return _Counts(
        np.column_stack([clients[1:], returning, clients[:-1], count(last & active)]),
        np.array(totals, dtype=np.int64),
        int(count(known)),
        retained(steps.between(sets, cuts.cohorts), known),
    )


def _summary(counts: _Counts, period: Period, cuts: _Cuts, *, compare: bool) -> pd.DataFrame:
    (clients, returning), (compared, _), (previous, _) = counts.totals
    new, compared_new, previous_new = counts.totals[:, 0] - counts.totals[:, 1]

    def of_compared(value: int) -> pd.api.extensions.ExtensionArray:
        return pd.array([int(value) if compare else None], dtype="Int64")

    def change(now: int, then: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return ratio(np.array([now - then]), np.array([then if compare else 0]))

    def instant(edge: datetime) -> pd.Series[pd.Timestamp]:
        return pd.Series([edge.astimezone(period.zone) if compare else pd.NaT], dtype=f"datetime64[us, {period.zone}]")

    return pd.DataFrame(
        {
            "clients": [clients],
            "new": [new],
            "returning": [returning],
            "known_before": [counts.known_before],
            "growth": ratio(np.array([new]), np.array([counts.known_before])),
            "compared_clients": of_compared(compared),
            "compared_new": of_compared(compared_new),
            "previous_clients": of_compared(previous),
            "previous_new": of_compared(previous_new),
            "change": change(compared, previous),
            "change_new": change(compared_new, previous_new),
            "previous_start": instant(cuts.previous[0]),
            "previous_end": instant(cuts.previous[1]),
        }
    )


def _timeline(counts: _Counts, asked: Frame, cuts: _Cuts, now: datetime) -> pd.DataFrame:
    clients, returning, last, stayed = counts.timeline.T
    begun = np.array([start < now for start in cuts.buckets[1:-1]])
    return pd.DataFrame(
        {
            "timestamp": asked.index,
            "clients": clients,
            "new": clients - returning,
            "returning": returning,
            "known": counts.known_before + np.cumsum(clients - returning),
            "lost": np.where(begun, last - stayed, 0),
        }
    )


users = Report(
    name="users",
    title="Users",
    meaning="Unique clients over time, new and returning, growth, and how many of those that came stay",
    parameters=(
        *framing.RANGE,
        framing.EVENT_TYPE,
        framing.KIND,
        Parameter(
            "compare",
            "whether to compare with the period before; else all of `compared_clients` on is null",
            True,
            (True, False),
        ),
        COHORT,
    ),
    tables=(SUMMARY, TIMELINE, COHORTS),
    run=run,
    charts={"users": "core.charts.people:users", "retention": "core.charts.people:retention"},
)
