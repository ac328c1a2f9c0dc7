"""The error report: how often and why the relay said no, failed or did not answer, over time, by code and by type."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import numpy as np
import pandas as pd

from core.exceptions import BadParameterError
from core.records import ERROR_CODES
from core.reports import comparison as comparing
from core.reports import frame as framing
from core.reports import realtime_tables
from core.reports.declaration import Column, Parameter, Report, Result, Table
from core.reports.frame import Day, Frame, ratio
from core.reports.kinds import kept_from
from core.reports.newest_errors import newest_errors_ahead
from core.reports.query import Read, Rows, snapshot
from core.reports.ranking import ranking
from core.reports.realtime_shape import latest_errors
from core.storage.database import Database

LATEST = 50
MOST_LATEST = 1000
TOP = 10
MOST_TOP = 1000

EVENTS = Column("events", "client messages", "events")
ERRORS = Column("errors", "messages with an error code", "events")
RATE = Column("error_rate", "errors per message, 0 to 1; null where there was no message")

TIMELINE = Table(
    "timeline",
    "one row per bucket; empty ones are present with zero",
    (Column("timestamp", "beginning of the bucket"), EVENTS, ERRORS, RATE),
)
CODES_OVER_TIME = Table(
    "error_codes_over_time",
    "one row per bucket and error code that occurs in the range; empty ones are present with zero",
    (Column("timestamp", "beginning of the bucket"), Column("error_code", "normalised prefix of the refusal"), ERRORS),
)
CODES = Table(
    "error_codes",
    "errors by code, most frequent first",
    (
        Column("error_code", "normalised prefix of the refusal; `unanswered` when no answer came in time"),
        ERRORS,
        Column("share", "part of all these errors, 0 to 1"),
    ),
)
TYPES = Table(
    "event_types",
    "messages and errors by event type, most errors first; empty for one code of a single client, whose errors are "
    "kept by code or by type",
    (Column("event_type", "verb of the message"), EVENTS, ERRORS, RATE),
)
CLIENTS = Table(
    "clients",
    "the clients with the most errors, as many as asked for; empty for a single event type or kind, by which no "
    "code of a client is kept",
    (
        Column("client_id", "stable name of the client"),
        ERRORS,
        Column("share", "part of all these errors, 0 to 1"),
        Column("error_code", "the code most of them have"),
        Column("error_code_errors", "how many have it", "events"),
    ),
)
LATEST_ERRORS = Table(
    "latest_errors", "the newest errors of the range, as many as asked for", realtime_tables.ERRORS.columns
)


OF_ALL = ("traffic_over_time", "errors_over_time")
OF_CLIENT = ("traffic_of_client", "errors_of_client")
OF_KIND = ("kind_over_time", "errors_of_kind")
"""The queries of messages and of errors over time."""


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    granularity: str = "auto",
    time_zone: str = "UTC",
    event_type: str | None = None,
    kind: int | None = None,
    error_code: str | None = None,
    client: str | None = None,
    latest: int = LATEST,
    top: int = TOP,
) -> Result:
    """Errors of a range. Raises BadParameterError and DatabaseUnavailableError."""
    if not 0 <= latest <= MOST_LATEST:
        raise BadParameterError(f"latest is {latest}; it can be 0 to {MOST_LATEST}.")
    if not 0 <= top <= MOST_TOP:
        raise BadParameterError(f"top is {top}; it can be 0 to {MOST_TOP}.")
    if client is not None and event_type is not None:
        raise BadParameterError("a client's errors are not kept by type; ask for a client or an event type, not both.")
    framing.checked_alone(framing.checked_kind(kind, event_type), client, "errors")
    messages_of = {"event_type": framing.checked_event_type(event_type), "kind": kind, "client": client}
    errors_of = messages_of | {"error_code": framing.checked_error_code(error_code)}
    of_some = event_type is not None or kind is not None
    one = client is not None
    over_time, errors_over_time = OF_CLIENT if one else OF_KIND if kind is not None else OF_ALL
    ranked = top > 0 and not (one or of_some or error_code)
    with snapshot(database) as read:
        needed = framing.EDGES if one else framing.ENDS
        asked = framing.frame(start, end, granularity, time_zone, framing.kept_hours_from(read), needed)
        span = {"start": asked.period.start, "end": asked.period.end, "top": 0 if of_some else top}
        client_no = _number(read, client)
        latest_ahead = newest_errors_ahead(
            read, asked.period, latest, client_no=client_no, event_type=event_type, kind=kind, error_code=error_code
        )
        messages_ahead = read.ahead(over_time, asked.parameters | messages_of)
        errors_ahead = read.ahead(errors_over_time, asked.parameters | errors_of)
        newest_ahead = read.ahead(*framing.newest_query(now))
        by_client = _leading(read, asked, top) if ranked else read("errors_by_client", span | errors_of)
        messages, errors, newest_errors, newest = messages_ahead(), errors_ahead(), latest_ahead(), newest_ahead()
        notes = kept_from(read, asked.period, kind)
    return Result(
        framing.meta("errors", asked, database, now, newest, notes=notes),
        {
            "timeline": _timeline(messages, errors, asked),
            "error_codes_over_time": _codes_over_time(errors, asked),
            "error_codes": _codes(errors),
            "event_types": _types(messages, errors, error_code, one=one),
            "clients": _clients(by_client, errors),
            "latest_errors": latest_errors(newest_errors, asked.period.zone),
        },
    )


def _number(read: Read, client: str | None) -> int | None:
    """The number of a client, -1 of one there is not."""
    if client is None:
        return None
    found = read("client_of", {"client": client})
    return found[0][0] if found else -1


def _leading(read: Read, asked: Frame, top: int) -> Rows:
    """The clients with the most errors of all codes, from sums of days; rows as those of errors_by_client."""
    leading = ranking(read, asked.period.start, asked.period.end, "errors").top(top)
    whole = comparing.total(asked.period) | {"clients": [number for number, _ in leading]}
    codes: dict[int, tuple[str, str, int]] = {}
    for number, name, code, n in read("errors_of_clients", whole):
        codes.setdefault(number, (name, code, n))
    return [(codes[number][0], errors, *codes[number][1:]) for number, errors in leading]


def _timeline(messages: Rows, errors: Rows, asked: Frame) -> pd.DataFrame:
    events = asked.sums([row[:3] for row in messages], 1)[:, 0]
    wrong = asked.sums(errors, 1)[:, 0]
    return pd.DataFrame(
        {"timestamp": asked.index, "events": events, "errors": wrong, "error_rate": ratio(wrong, events)}
    )


def _codes_over_time(errors: Rows, asked: Frame) -> pd.DataFrame:
    codes = sorted({row[2] for row in errors})
    counts = np.zeros((asked.count, len(codes)), dtype=np.int64)
    for step, _, code, n in errors:
        counts[step, codes.index(code)] += n
    return pd.DataFrame(
        {
            "timestamp": asked.index.repeat(len(codes)),
            "error_code": pd.array(codes * asked.count, dtype="str"),
            "errors": counts.ravel(),
        }
    )


def _codes(errors: Rows) -> pd.DataFrame:
    totals: Counter[str] = Counter()
    for _, _, code, n in errors:
        totals[code] += n
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    counts = np.array([n for _, n in ordered], dtype=np.int64)
    return pd.DataFrame(
        {
            "error_code": pd.array([code for code, _ in ordered], dtype="str"),
            "errors": counts,
            "share": ratio(counts, np.full(len(counts), counts.sum())),
        }
    )


def _types(messages: Rows, errors: Rows, error_code: str | None, *, one: bool) -> pd.DataFrame:
    """Errors by type; those of `one` client come with its messages, in all codes only."""
    events: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    if not (one and error_code):
        for _, name, n, failed, *_ in messages:
            events[name] += n
            wrong[name] += failed if one else 0
    for _, name, _, n in [] if one else errors:
        wrong[name] += n
    types = sorted(events, key=lambda name: (-wrong[name], -events[name], name))
    counts, failures = (np.array([counter[name] for name in types], dtype=np.int64) for counter in (events, wrong))
    return pd.DataFrame(
        {
            "event_type": pd.array(types, dtype="str"),
            "events": counts,
            "errors": failures,
            "error_rate": ratio(failures, counts),
        }
    )


def _clients(rows: Rows, errors: Rows) -> pd.DataFrame:
    counts = np.array([row[1] for row in rows], dtype=np.int64)
    return pd.DataFrame(
        {
            "client_id": pd.array([row[0] for row in rows], dtype="str"),
            "errors": counts,
            "share": ratio(counts, np.full(len(counts), sum(row[3] for row in errors))),
            "error_code": pd.array([row[2] for row in rows], dtype="str"),
            "error_code_errors": np.array([row[3] for row in rows], dtype=np.int64),
        }
    )


errors = Report(
    name="errors",
    title="Errors",
    meaning="How often and why the relay said no, failed or did not answer, with the latest errors in detail",
    parameters=(
        *framing.RANGE,
        framing.EVENT_TYPE,
        framing.KIND,
        Parameter("error_code", "only errors of this code", None, ERROR_CODES),
        framing.CLIENT,
        Parameter("latest", f"how many of the latest errors to list, 0 to {MOST_LATEST}", LATEST),
        Parameter("top", f"how many clients to list, 0 to {MOST_TOP}", TOP),
    ),
    tables=(TIMELINE, CODES_OVER_TIME, CODES, TYPES, CLIENTS, LATEST_ERRORS),
    run=run,
    charts={"errors": "core.charts.history:errors"},
)
