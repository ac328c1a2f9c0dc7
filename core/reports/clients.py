"""The report of clients: who leads by a measure, with all the others beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from core.exceptions import BadParameterError
from core.reports import frame as framing
from core.reports.declaration import Column, Parameter, Report, Result, Table
from core.reports.frame import Day, Frame
from core.reports.kinds import kept_from, measures_of_kind
from core.reports.query import Read, Rows, snapshot
from core.reports.ranking import SORTS, Leading, Ranking, ranking
from core.storage.blocks import blocks
from core.storage.database import Database

LIMIT = 100
MOST = 10_000

MEASURES = (
    Column("events", "client messages", "events"),
    Column("accepted", "messages the relay answered well", "events"),
    Column("duplicate", "messages it had already", "events"),
    Column("rejected", "messages it refused", "events"),
    Column("errors", "messages with an error code", "events"),
    Column("unanswered", "messages that got no answer in time", "events"),
    Column("events_out", "events delivered to the client, stored and live", "events"),
    Column("bytes_in", "wire bytes from the client, of everything its connections carried", "bytes"),
    Column("bytes_out", "wire bytes to the client, of everything its connections carried", "bytes"),
    Column("payload_in", "bytes of its messages themselves, inflated", "bytes"),
    Column("payload_out", "bytes of the messages to it, inflated", "bytes"),
    Column("answered", "messages with a response time", "events"),
)
NAMES = [column.name for column in MEASURES]

CLIENTS = Table(
    "clients",
    "one row per client that has any of the measure sorted by, the highest first",
    (
        Column("rank", "place by the measure sorted by, from 1"),
        Column("client_id", "stable name of the client"),
        Column("name", "what the operator calls it; null when it has no name"),
        Column("identity", "what names it: pubkey, key or address"),
        *MEASURES,
        Column("bytes", "wire bytes in and out", "bytes"),
        Column("error_rate", "errors per message, 0 to 1; null where there was no message"),
        Column("mean_ms", "mean response time; null where nothing was answered", "ms"),
        Column("share", "part of the measure sorted by that all clients found have together, 0 to 1"),
        Column("first_seen", "when the client was first seen, ever"),
        Column("last_seen", "when it was last seen, ever"),
    ),
)
SUMMARY = Table(
    "summary",
    "one row: how many clients there are and what they have together",
    (
        Column("clients", "clients that have any of the measure sorted by, listed or not", "clients"),
        Column("total", "sum of that measure over all of them"),
        Column("listed", "clients listed", "clients"),
    ),
)


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    time_zone: str = "UTC",
    event_type: str | None = None,
    kind: int | None = None,
    sort: str = "events",
    search: str | None = None,
    limit: int = LIMIT,
    offset: int = 0,
) -> Result:
    """The clients of a range. Raises BadParameterError and DatabaseUnavailableError."""
    if sort not in SORTS:
        raise BadParameterError(f"sort {sort!r} is unknown; use one of {', '.join(SORTS)}.")
    if not 1 <= limit <= MOST:
        raise BadParameterError(f"limit is {limit}; it can be 1 to {MOST}.")
    if offset < 0:
        raise BadParameterError(f"offset is {offset}; it can be 0 or more.")
    wanted = framing.checked_event_type(event_type)
    framing.checked_kind(kind, event_type)
    with snapshot(database) as read:
        asked = framing.frame(start, end, "auto", time_zone, framing.kept_hours_from(read), framing.ENDS)
        span = blocks(read, asked.period.start, asked.period.end) | {"event_type": wanted}
        found = ranking(read, asked.period.start, asked.period.end, sort, event_type=wanted, kind=kind, search=search)
        leading = found.top(limit, offset)
        numbers = [number for number, _ in leading]
        measures = _measures(read, span, numbers, kind) if numbers else []
        names = read("client_names", {"clients": numbers}) if numbers else []
        newest = read(*framing.newest_query(now))
        notes = kept_from(read, asked.period, kind)
    return Result(
        framing.meta("clients", asked, database, now, newest, notes=notes),
        {"clients": _table(leading, measures, names, asked, offset, found.total), "summary": _summary(found, leading)},
    )


def _measures(read: Read, span: Mapping[str, Any], numbers: list[int], kind: int | None) -> Rows:
    """Rows of the query `client_measures`: (client, event type, measures …, ms)."""
    if kind is None:
        return read("client_measures", {**span, "clients": numbers})
    rows = measures_of_kind(read, span["start"], span["end"], kind, numbers)
    return [(row[0], "EVENT", *row[1:]) for row in rows]


def _table(leading: Leading, measures: Rows, names: Rows, asked: Frame, offset: int, total: int) -> pd.DataFrame:
    place = {row[0]: number for number, row in enumerate(leading)}
    sums = np.zeros((len(leading), len(NAMES)), dtype=np.int64)
    milliseconds = np.zeros(len(leading))
    for client, _, *values in measures:
        sums[place[client]] += np.array(values[:-1], dtype=np.int64)
        milliseconds[place[client]] += values[-1]
    who: dict[int, tuple[Any, ...]] = {row[0]: row[1:] for row in names}
    known = [who[row[0]] for row in leading]
    columns = dict(zip(NAMES, sums.T, strict=True))
    found = np.array([row[1] for row in leading], dtype=np.int64)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(leading) + 1) + offset,
            "client_id": pd.array([row[0] for row in known], dtype="str"),
            "name": pd.array([row[2] for row in known], dtype="str"),
            "identity": pd.array([row[1] for row in known], dtype="str"),
            **columns,
            "bytes": columns["bytes_in"] + columns["bytes_out"],
            "error_rate": framing.ratio(columns["errors"], columns["events"]),
            "mean_ms": framing.quotient(milliseconds, columns["answered"]),
            "share": framing.ratio(found, np.full(len(found), total)),
            "first_seen": framing.instants([row[3] for row in known], asked.period.zone),
            "last_seen": framing.instants([row[4] for row in known], asked.period.zone),
        }
    )


def _summary(found: Ranking, leading: Leading) -> pd.DataFrame:
    return pd.DataFrame({"clients": [len(found.clients)], "total": [found.total], "listed": [len(leading)]})


clients = Report(
    name="clients",
    title="Clients",
    meaning="Who uses the relay most, by any measure, first and last seen when; finds a client by part of its id",
    parameters=(
        framing.START,
        framing.END,
        framing.TIME_ZONE,
        framing.EVENT_TYPE,
        framing.KIND,
        Parameter("sort", "the measure that ranks", "events", SORTS),
        Parameter("search", "only clients whose client_id or name contains this, in whatever case"),
        Parameter("limit", f"how many to list, 1 to {MOST}", LIMIT),
        Parameter("offset", "how many of the first to leave out", 0),
    ),
    tables=(CLIENTS, SUMMARY),
    run=run,
    charts={"clients": "core.charts.leaders:clients"},
)
