"""The response time report: percentiles over time, over the range and by event type; unanswered messages apart."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.reports import client_parts, packed
from core.reports import frame as framing
from core.reports.binned import Binned, Sketches, joined
from core.reports.declaration import Column, Report, Result, Table
from core.reports.frame import Day, Frame, quotient
from core.reports.kinds import kept_from
from core.reports.percentiles import ERROR_BOUND
from core.reports.query import Read, Rows, snapshot
from core.storage.database import Database

MEASURES = (
    Column("answered", "messages with a response time", "events"),
    Column("unanswered", "messages that got no answer in time; no response time counts them", "events"),
    Column("mean_ms", "mean response time; null where nothing was answered", "ms"),
    Column("p50_ms", "median response time", "ms"),
    Column("p95_ms", "95th percentile of the response time", "ms"),
    Column("p99_ms", "99th percentile of the response time", "ms"),
)
FIRST_EVENT = (
    Column(
        "delivering",
        "REQ messages that delivered at least one stored event; null for a single client, by which it is not kept",
        "events",
    ),
    Column("first_event_p50_ms", "median time from a REQ to its first EVENT", "ms"),
    Column("first_event_p95_ms", "95th percentile of that time", "ms"),
    Column("first_event_p99_ms", "99th percentile of that time", "ms"),
)
SUMMARY = Table("summary", "one row for the whole range", (*MEASURES, *FIRST_EVENT))
TIMELINE = Table(
    "timeline", "one row per bucket, empty ones too", (Column("timestamp", "beginning of the bucket"), *MEASURES)
)
TYPES = Table(
    "event_types",
    "one row per event type with an answer or without the one due, most answered first",
    (Column("event_type", "verb of the message"), *MEASURES),
)
FIRST_EVENTS = Table(
    "first_event",
    "time from a REQ to its first EVENT: one row per bucket, empty ones too; nothing for other event types",
    (Column("timestamp", "beginning of the bucket"), *FIRST_EVENT),
)
NO_FIRST = "Times to the first event are not kept by client."
Ints = npt.NDArray[np.int64]


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    granularity: str = "auto",
    time_zone: str = "UTC",
    event_type: str | None = None,
    kind: int | None = None,
    client: str | None = None,
) -> Result:
    """Response times of a range: EVENT→OK, REQ→EOSE or CLOSED, COUNT→COUNT or CLOSED, AUTH→OK.

    Raises BadParameterError and DatabaseUnavailableError.
    """
    wanted = framing.checked_event_type(event_type)
    framing.checked_alone(framing.checked_kind(kind, event_type), client, "percentiles")
    kept = client is None and kind is None and event_type in (None, "REQ")
    with snapshot(database) as read:
        hours_from = None if client is None and kind is None else framing.kept_hours_from(read)
        asked = framing.frame(start, end, granularity, time_zone, hours_from)
        binned, answers = _read(read, asked, wanted, kind, client)
        first = packed.first_events(read, asked) if kept else joined([])
        newest = read(*framing.newest_query(now))
        notes = kept_from(read, asked.period, kind) + ([NO_FIRST] if client is not None else [])
    answered: Counter[str] = Counter()
    for row in answers:
        answered[row[1]] += row[2]
    types = sorted(answered, key=lambda name: (-answered[name], name))
    number = {name: place for place, name in enumerate(types)}
    counts = np.array([(row[0], number[row[1]], 0, row[2], row[3]) for row in answers], dtype=np.int64).reshape(-1, 5)
    sums = np.array([row[4] for row in answers], dtype=np.float64)

    def measured(bins: Binned, by: int, groups: int) -> pd.DataFrame:
        """Of groups numbered in column `by` of the counts."""
        return _measures(bins, counts[:, by], counts[:, 3:], sums, groups)

    known = client is None
    summary = pd.concat(
        [measured(binned.over_time.together(), 2, 1), _first_events(first.together(), 1, known=known)], axis=1
    )
    named = pd.DataFrame({"event_type": pd.array(types, dtype="str")})
    return Result(
        framing.meta("response_times", asked, database, now, newest, error_bound=ERROR_BOUND, notes=notes),
        {
            "summary": summary,
            "timeline": _over_time(asked, measured(binned.over_time, 0, asked.count)),
            "event_types": pd.concat([named, measured(binned.of_types(types), 1, len(types))], axis=1),
            "first_event": _over_time(asked, _first_events(first, asked.count, known=known)),
        },
    )


def _read(
    read: Read, asked: Frame, event_type: str | None, kind: int | None, client: str | None
) -> tuple[Sketches, Rows]:
    """The bins, and rows of the query `answers_over_time`."""
    if kind is not None:
        of_kind = asked.parameters | {"kind": kind}
        return packed.response_times_of_kind(read, asked, kind), read("answers_of_kind", of_kind)
    if client is None:
        of_type = asked.parameters | {"event_type": event_type}
        return packed.response_times(read, asked, event_type), read("answers_over_time", of_type)
    found = read("client_of", {"client": client})
    parts = client_parts.parts(asked.edges, client_parts.built_before(read))
    parts |= {"client_no": found[0][0] if found else None, "event_type": event_type}
    bins = client_parts.response_times(read("client_latency", parts))
    return bins, [
        (row[0], row[1], row[13], row[7], row[14]) for row in read("client_over_time", parts) if row[13] or row[7]
    ]


def _over_time(asked: Frame, measures: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"timestamp": asked.index}), measures], axis=1)


def _first_events(first: Binned, groups: int, *, known: bool) -> pd.DataFrame:
    counts = first.counts(groups) if known else pd.array([None] * groups, dtype="Int64")
    columns = (counts, *first.percentiles(groups).T)
    return pd.DataFrame({column.name: value for column, value in zip(FIRST_EVENT, columns, strict=True)})


def _measures(bins: Binned, group: Ints, counts: Ints, sums: npt.NDArray[np.float64], groups: int) -> pd.DataFrame:
    """Columns MEASURES. `counts`: rows of answered and unanswered messages, `sums`: their times (ms), by `group`."""
    totals = np.zeros((groups, 2), dtype=np.int64)
    np.add.at(totals, group, counts)
    mean = quotient(np.bincount(group, weights=sums, minlength=groups), totals[:, 0])
    columns = (*totals.T, mean, *bins.percentiles(groups).T)
    return pd.DataFrame({column.name: value for column, value in zip(MEASURES, columns, strict=True)})


response_times = Report(
    name="response_times",
    title="Response times",
    meaning="How long the relay takes to answer: percentiles over time and by event type, and what it left unanswered",
    parameters=(*framing.RANGE, framing.EVENT_TYPE, framing.KIND, framing.CLIENT),
    tables=(SUMMARY, TIMELINE, TYPES, FIRST_EVENTS),
    run=run,
    charts={"response_times": "core.charts.history:response_times"},
)
