"""The report of query shapes: what REQs and COUNTs of each shape cost, the costliest first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.exceptions import BadParameterError
from core.filter_shapes import NOT_TOLD, REST
from core.reports import frame as framing
from core.reports.binned import Binned, column
from core.reports.declaration import Column, Meta, Parameter, Report, Result, Table
from core.reports.frame import Day, Frame, quotient
from core.reports.query import Rows, snapshot
from core.storage import shape_days
from core.storage.database import Database
from core.storage.shape_bins import ENTRY, ERROR_BOUND, TO_MIDDLE, fine_bins

LIMIT = 20
MOST = 1000
EVENT_TYPES = ("REQ", "COUNT")
SORTS = ("time", "p95", "messages", "unanswered")
FRACTIONS = (0.50, 0.95)

SHAPES = Table(
    "shapes",
    "one row per shape and event type, the first ones by the measure sorted by",
    (
        Column("rank", "place by the measure sorted by, from 1"),
        Column("event_type", "REQ or COUNT"),
        Column(
            "shape",
            "keys of its filters and lengths of their lists in steps, never a value (docs/analysts.md); "
            f"`{REST}`: those of each hour or day that were too many to keep apart; `{NOT_TOLD}`: messages without one",
        ),
        Column("messages", "messages of this shape", "messages"),
        Column("answered", "messages with a response time", "messages"),
        Column("unanswered", "messages that got no answer in time; no response time counts them", "messages"),
        Column("total_ms", "response times together", "ms"),
        Column("mean_ms", "mean response time; null where nothing was answered", "ms"),
        Column("p50_ms", "median response time", "ms"),
        Column("p95_ms", "95th percentile of the response time", "ms"),
        Column("share", "part of the response times of all messages of all types together, 0 to 1"),
        Column("events_out", "stored events delivered", "events"),
    ),
)
SUMMARY = Table(
    "summary",
    "one row: how much of the range is counted by shape",
    (
        Column("messages", "REQ and COUNT messages of the range", "messages"),
        Column("counted", "those that are counted by shape", "messages"),
        Column("all_ms", "response times of all messages of all types together, in hours that are counted", "ms"),
    ),
)


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    time_zone: str = "UTC",
    event_type: str | None = None,
    sort: str = "time",
    limit: int = LIMIT,
) -> Result:
    """The shapes of a range. Raises BadParameterError and DatabaseUnavailableError."""
    wanted = framing.checked_event_type(event_type, EVENT_TYPES)
    if sort not in SORTS:
        raise BadParameterError(f"sort {sort!r} is unknown; use one of {', '.join(SORTS)}.")
    framing.checked_count("limit", limit, MOST)
    # the order of percentiles is known when they are
    first = {"event_type": wanted, "sort": sort, "limit": None if sort == "p95" else limit}
    with snapshot(database) as read:
        asked = framing.frame(start, end, "auto", time_zone, framing.kept_hours_from(read), framing.ENDS)
        span = {"start": asked.period.start, "end": asked.period.end}
        parts = shape_days.parts(read, asked.period.start, asked.period.end)
        found_ahead = read.ahead("shapes", parts | first)
        counted_ahead = read.ahead("shapes_counted", span)
        newest_ahead = read.ahead(*framing.newest_query(now))
        found = found_ahead()
        packs_ahead = read.ahead("shapes_bins", parts | {"shapes": [row[1] for row in found]})
        [(messages, counted, first_open, all_ms)], newest, packs = counted_ahead(), newest_ahead(), packs_ahead()
    notes = _notes(found, messages, counted)
    meta = framing.meta("shapes", asked, database, now, newest, error_bound=ERROR_BOUND, notes=notes)
    return Result(
        _complete(replace(meta, granularity=None), first_open, asked),
        {
            "shapes": _table(found, packs, all_ms, sort, limit),
            "summary": pd.DataFrame({"messages": [messages], "counted": [counted], "all_ms": [float(all_ms)]}),
        },
    )


def _complete(meta: Meta, first_open: datetime | None, asked: Frame) -> Meta:
    """Complete up to the first hour that is not counted, or not as a whole."""
    if first_open is None or meta.complete_up_to is None:
        return meta
    return replace(meta, complete_up_to=min(meta.complete_up_to, first_open.astimezone(asked.period.zone)))


def _notes(found: Rows, messages: int, counted: int) -> list[str]:
    notes = []
    if counted < messages:
        notes.append(
            f"{messages - counted:,} of {messages:,} REQ and COUNT messages are not counted by shape: an hour is once "
            "it has ended, and again when late messages come, while its raw rows are kept."
        )
    if any(row[1] == REST for row in found):
        notes.append(f"Hours and days with very many shapes keep the costliest apart; the others are {REST} together.")
    return notes


def _percentiles(rows: Rows, packs: Rows) -> npt.NDArray[np.float64]:
    """Of each of the shapes the FRACTIONS, in ms. `packs`: rows of the query `shapes_bins`."""
    place = {(event_type, shape): number for number, (event_type, shape, *_) in enumerate(rows)}
    known = [(place[row[:2]], row[2]) for row in packs if row[:2] in place]
    entries = np.frombuffer(b"".join(pack for _, pack in known), dtype=ENTRY)
    sizes = np.array([len(pack) // ENTRY.itemsize for _, pack in known], dtype=np.int64)
    group = np.repeat(column(known, 0), sizes)
    bins = Binned(group, fine_bins(entries["bin"]), entries["n"].astype(np.int64))
    return bins.percentiles(len(rows), FRACTIONS) * TO_MIDDLE


def _table(rows: Rows, packs: Rows, all_ms: float, sort: str, limit: int) -> pd.DataFrame:
    counts = np.array([row[2:6] for row in rows], dtype=np.int64).reshape(-1, 4)
    total = np.array([row[6] for row in rows], dtype=np.float64)
    middle, high = _percentiles(rows, packs).T
    frame = pd.DataFrame(
        {
            "event_type": pd.array([row[0] for row in rows], dtype="str"),
            "shape": pd.array([row[1] for row in rows], dtype="str"),
            "messages": counts[:, 0],
            "answered": counts[:, 1],
            "unanswered": counts[:, 2],
            "total_ms": total,
            "mean_ms": quotient(total, counts[:, 1]),
            "p50_ms": middle,
            "p95_ms": high,
            "share": total / all_ms if all_ms else np.full(len(rows), np.nan),
            "events_out": counts[:, 3],
        }
    )
    by = {"time": "total_ms", "p95": "p95_ms"}.get(sort, sort)
    ordered = frame.sort_values([by, "shape", "event_type"], ascending=[False, True, True], ignore_index=True)
    ordered = ordered.head(limit)
    ordered.insert(0, "rank", np.arange(1, len(ordered) + 1))
    return ordered


shapes = Report(
    name="shapes",
    title="Query shapes",
    meaning="What REQs and COUNTs of each shape cost: which queries take the relay's time, and which it never answers",
    parameters=(
        framing.START,
        framing.END,
        framing.TIME_ZONE,
        Parameter("event_type", "only messages of this verb", None, EVENT_TYPES),
        Parameter("sort", "measure by which shapes are ordered: time is that of all answers together", "time", SORTS),
        Parameter("limit", f"how many shapes to list, 1 to {MOST}", LIMIT),
    ),
    tables=(SHAPES, SUMMARY),
    run=run,
)
