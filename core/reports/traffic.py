"""The traffic report: client messages over time, by event type and by kind, and against the period before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from core.reports import comparison as comparing
from core.reports import frame as framing
from core.reports.declaration import Column, Report, Result, Table
from core.reports.frame import Day, Frame, ratio
from core.reports.kinds import KIND_COLUMNS, kinds_table
from core.reports.query import Rows, snapshot
from core.storage.database import Database

MEASURES = (
    Column("events", "client messages", "events"),
    Column("errors", "messages with an error code", "events"),
    Column("unanswered", "messages that got no answer in time", "events"),
    Column("events_out", "stored events delivered in answer to REQ", "events"),
    Column("bytes_in", "wire bytes of the messages", "bytes"),
    Column("bytes_out", "wire bytes of their answers", "bytes"),
)
NAMES = [column.name for column in MEASURES]

TIMELINE = Table(
    "timeline",
    "one row per bucket; empty ones are present with zero",
    (Column("timestamp", "beginning of the bucket"), *MEASURES),
)
TYPES_OVER_TIME = Table(
    "event_types_over_time",
    "one row per bucket and event type that occurs in the range; empty ones are present with zero",
    (Column("timestamp", "beginning of the bucket"), Column("event_type", "verb of the message"), MEASURES[0]),
)
TYPES = Table(
    "event_types",
    "breakdown by event type, most frequent first",
    (Column("event_type", "verb of the message"), *MEASURES, Column("share", "part of all messages, 0 to 1")),
)
KINDS = Table("kinds", "EVENT messages by Nostr kind, most frequent first", KIND_COLUMNS)


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
    compare: bool = True,
) -> Result:
    """Traffic of a range; totals of what connections carried beside messages are in the bandwidth report.

    Raises BadParameterError and DatabaseUnavailableError.
    """
    filters: dict[str, Any] = {
        "event_type": framing.checked_event_type(event_type),
        "kind": framing.checked_kind(kind, event_type),
    }
    filters["client"] = client
    over_time = "traffic_over_time" if client is None else "traffic_of_client"
    if kind is not None:
        over_time = "kind_over_time" if client is None else "traffic_of_client_and_kind"
    by_kind = "traffic_kinds" if client is None else "client_kinds"
    with snapshot(database) as read:
        hours_from = None if client is None else framing.kept_hours_from(read)
        asked = framing.frame(start, end, granularity, time_zone, hours_from)
        current, previous, of_before = comparing.compared(asked, now, hours_from)
        series_ahead = read.ahead(over_time, asked.parameters | filters)
        kinds_ahead = read.ahead(by_kind, comparing.total(asked.period) | filters)
        compared_ahead = read.ahead(over_time, comparing.total(current) | filters)
        before_ahead = read.ahead(over_time, comparing.total(previous) | filters)
        newest_ahead = read.ahead(*framing.newest_query(now))
        series, kinds, compared, before = series_ahead(), kinds_ahead(), compared_ahead(), before_ahead()
        newest = newest_ahead()
    return Result(
        framing.meta("traffic", asked, database, now, newest, notes=of_before if compare else []),
        {
            "timeline": _timeline(series, asked),
            "event_types_over_time": _types_over_time(series, asked),
            "event_types": _types(series),
            "kinds": kinds_table(kinds if event_type in (None, "EVENT") else []),
            "comparison": comparing.comparison(NAMES, compared, before, previous, compare=compare),
        },
    )


def _timeline(rows: Rows, asked: Frame) -> pd.DataFrame:
    sums = asked.sums(rows, len(NAMES))
    return pd.DataFrame({"timestamp": asked.index, **{name: sums[:, place] for place, name in enumerate(NAMES)}})


def _types_over_time(rows: Rows, asked: Frame) -> pd.DataFrame:
    types = sorted({row[1] for row in rows})
    events = np.zeros((asked.count, len(types)), dtype=np.int64)
    for row in rows:
        events[row[0], types.index(row[1])] += row[2]
    return pd.DataFrame(
        {
            "timestamp": asked.index.repeat(len(types)),
            "event_type": pd.array(types * asked.count, dtype="str"),
            "events": events.ravel(),
        }
    )


def _types(rows: Rows) -> pd.DataFrame:
    totals: dict[str, list[int]] = {}
    for _, name, *measures in rows:
        totals[name] = [a + b for a, b in zip(totals.get(name, [0] * len(NAMES)), measures, strict=True)]
    ordered = sorted(totals.items(), key=lambda item: (-item[1][0], item[0]))
    table = np.array([measures for _, measures in ordered], dtype=np.int64).reshape(-1, len(NAMES))
    return pd.DataFrame(
        {
            "event_type": pd.array([name for name, _ in ordered], dtype="str"),
            **{name: table[:, place] for place, name in enumerate(NAMES)},
            "share": ratio(table[:, 0], np.full(len(table), table[:, 0].sum())),
        }
    )


traffic = Report(
    name="traffic",
    title="Traffic",
    meaning="Client messages over time, by event type and by kind, and against the period before",
    parameters=(
        *framing.RANGE,
        framing.EVENT_TYPE,
        framing.KIND,
        framing.CLIENT,
        comparing.COMPARE,
    ),
    tables=(TIMELINE, TYPES_OVER_TIME, TYPES, KINDS, comparing.COMPARISON),
    run=run,
    charts={"traffic": "core.charts.history:traffic"},
)
