"""The error report: how often and why the relay said no, failed or did not answer, over time, by code and by type."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import numpy as np
import pandas as pd

from core.exceptions import BadParameterError
from core.records import ERROR_CODES
from core.reports import frame as framing
from core.reports import realtime_tables
from core.reports.declaration import Column, Parameter, Report, Result, Table
from core.reports.frame import Day, Frame, ratio
from core.reports.query import Rows, read_together
from core.reports.realtime_shape import latest_errors
from core.storage.database import Database

LATEST = 50
MOST_LATEST = 1000

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
    "messages and errors by event type, most errors first",
    (Column("event_type", "verb of the message"), EVENTS, ERRORS, RATE),
)
LATEST_ERRORS = Table(
    "latest_errors", "the newest errors of the range, as many as asked for", realtime_tables.ERRORS.columns
)


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    granularity: str = "auto",
    time_zone: str = "UTC",
    event_type: str | None = None,
    error_code: str | None = None,
    latest: int = LATEST,
) -> Result:
    """Errors of a range. Raises BadParameterError and DatabaseUnavailableError."""
    if not 0 <= latest <= MOST_LATEST:
        raise BadParameterError(f"latest is {latest}; it can be 0 to {MOST_LATEST}.")
    asked = framing.frame(start, end, granularity, time_zone)
    messages_of = {"event_type": framing.checked_event_type(event_type), "kind": None}
    errors_of = {"event_type": event_type, "error_code": framing.checked_error_code(error_code)}
    span = {"start": asked.period.start, "end": asked.period.end, "limit": latest}
    messages, errors, newest_errors, newest = read_together(
        database,
        [
            ("traffic_over_time", asked.parameters | messages_of),
            ("errors_over_time", asked.parameters | errors_of),
            ("errors_latest", span | errors_of),
            framing.newest_query(now),
        ],
    )
    return Result(
        framing.meta("errors", asked, database, now, newest),
        {
            "timeline": _timeline(messages, errors, asked),
            "error_codes_over_time": _codes_over_time(errors, asked),
            "error_codes": _codes(errors),
            "event_types": _types(messages, errors),
            "latest_errors": latest_errors(newest_errors, asked.period.zone),
        },
    )


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


def _types(messages: Rows, errors: Rows) -> pd.DataFrame:
    events: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for _, name, n, *_ in messages:
        events[name] += n
    for _, name, _, n in errors:
        wrong[name] += n
    types = sorted(events, key=lambda name: (-wrong[name], -events[name], name))
    counts, failed = (np.array([counter[name] for name in types], dtype=np.int64) for counter in (events, wrong))
    return pd.DataFrame(
        {
            "event_type": pd.array(types, dtype="str"),
            "events": counts,
            "errors": failed,
            "error_rate": ratio(failed, counts),
        }
    )


errors = Report(
    name="errors",
    title="Errors",
    meaning="How often and why the relay said no, failed or did not answer, with the latest errors in detail",
    parameters=(
        *framing.RANGE,
        framing.EVENT_TYPE,
        Parameter("error_code", "only errors of this code", None, ERROR_CODES),
        Parameter("latest", f"how many of the latest errors to list, 0 to {MOST_LATEST}", LATEST),
    ),
    tables=(TIMELINE, CODES_OVER_TIME, CODES, TYPES, LATEST_ERRORS),
    run=run,
)
