"""The response time report: percentiles over time, over the range and by event type; unanswered messages apart."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.reports import frame as framing
from core.reports.binned import Binned, unpacked
from core.reports.declaration import Column, Report, Result, Table
from core.reports.frame import Day, Frame
from core.reports.percentiles import ERROR_BOUND
from core.reports.query import read_together
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
    Column("delivering", "REQ messages that delivered at least one stored event", "events"),
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
Ints = npt.NDArray[np.int64]


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    granularity: str = "auto",
    time_zone: str = "UTC",
    event_type: str | None = None,
) -> Result:
    """Response times of a range: EVENT→OK, REQ→EOSE or CLOSED, COUNT→COUNT or CLOSED, AUTH→OK.

    Raises BadParameterError and DatabaseUnavailableError.
    """
    asked = framing.frame(start, end, granularity, time_zone)
    parameters = asked.parameters | {"event_type": framing.checked_event_type(event_type)}
    binned, answers, packed, newest = read_together(
        database,
        [
            ("latency_by_day" if asked.whole_days else "latency_by_hour", parameters),
            ("answers_over_time", parameters),
            ("first_events_by_day" if asked.whole_days else "first_events_by_hour", asked.parameters),
            framing.newest_query(now),
        ],
    )
    types = sorted({row[1] for row in answers if row[2] or row[3]})
    types.sort(key=lambda name: -sum(row[2] for row in answers if row[1] == name))
    number = {name: place for place, name in enumerate(types)}
    # rows of (bucket, event type, bin, count), and of (bucket, event type, answered, unanswered)
    bins = np.array([(row[0], number[row[1]], *row[2:]) for row in binned], dtype=np.int64).reshape(-1, 4)
    known = [row for row in answers if row[1] in number]
    counts = np.array([(row[0], number[row[1]], row[2], row[3]) for row in known], dtype=np.int64).reshape(-1, 4)
    sums = np.array([row[4] for row in known], dtype=np.float64)
    over_time = _grouped(bins, counts, sums, by=0, groups=asked.count)
    by_type = _grouped(bins, counts, sums, by=1, groups=len(types))
    bins[:, 0] = counts[:, 0] = 0
    first = unpacked(packed if event_type in (None, "REQ") else [])
    return Result(
        framing.meta("response_times", asked, database, now, newest, error_bound=ERROR_BOUND),
        {
            "summary": pd.concat(
                [_grouped(bins, counts, sums, by=0, groups=1), _first_events(first.together(), 1)], axis=1
            ),
            "timeline": _labelled("timestamp", asked, over_time),
            "event_types": pd.concat([pd.DataFrame({"event_type": pd.array(types, dtype="str")}), by_type], axis=1),
            "first_event": _labelled("timestamp", asked, _first_events(first, asked.count)),
        },
    )


def _labelled(name: str, asked: Frame, measures: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({name: asked.index}), measures], axis=1)


def _first_events(first: Binned, groups: int) -> pd.DataFrame:
    columns = (first.counts(groups), *first.percentiles(groups).T)
    return pd.DataFrame({column.name: value for column, value in zip(FIRST_EVENT, columns, strict=True)})


def _grouped(bins: Ints, counts: Ints, sums: npt.NDArray[np.float64], *, by: int, groups: int) -> pd.DataFrame:
    """The measures of each of `groups` groups, numbered in column `by` of the rows."""
    answered = _added(counts[:, by], counts[:, 2], groups)
    total = np.bincount(counts[:, by], weights=sums, minlength=groups)
    mean = np.full(groups, np.nan)
    np.divide(total, answered, out=mean, where=answered != 0)
    values = Binned(bins[:, by], bins[:, 2], bins[:, 3]).percentiles(groups)
    columns = (answered, _added(counts[:, by], counts[:, 3], groups), mean, *values.T)
    return pd.DataFrame({column.name: value for column, value in zip(MEASURES, columns, strict=True)})


def _added(group: Ints, values: Ints, groups: int) -> Ints:
    result = np.zeros(groups, dtype=np.int64)
    np.add.at(result, group, values)
    return result


response_times = Report(
    name="response_times",
    title="Response times",
    meaning="How long the relay takes to answer: percentiles over time and by event type, and what it left unanswered",
    parameters=(*framing.RANGE, framing.EVENT_TYPE),
    tables=(SUMMARY, TIMELINE, TYPES, FIRST_EVENTS),
    run=run,
)
