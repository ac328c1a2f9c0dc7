"""The report of one client: everything about it, to look at or to hand over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.exceptions import BadParameterError, UnknownClientError
from core.reports import client_parts
from core.reports import client_tables as tables
from core.reports import comparison as comparing
from core.reports import frame as framing
from core.reports.binned import Binned, Sketches
from core.reports.declaration import Parameter, Report, Result
from core.reports.frame import Day, Frame, quotient, ratio
from core.reports.kinds import kept_from, kinds_table
from core.reports.newest_errors import newest_errors_ahead
from core.reports.percentiles import ERROR_BOUND
from core.reports.query import Rows, snapshot
from core.reports.realtime_shape import latest_errors
from core.storage.database import Database

LATEST = 50
MOST_LATEST = 1000
OF_A_KIND = "Percentiles of a client are not kept by kind: they are left out. Its error codes are those of all it sent."
COUNTS = [column.name for column in tables.COUNTS]


def run(
    database: Database,
    now: datetime,
    client: str,
    start: Day,
    end: Day,
    granularity: str = "auto",
    time_zone: str = "UTC",
    event_type: str | None = None,
    kind: int | None = None,
    latest: int = LATEST,
    compare: bool = True,
    kinds: bool = False,
) -> Result:
    """One client over a range. Raises UnknownClientError, BadParameterError and DatabaseUnavailableError."""
    if not 0 <= latest <= MOST_LATEST:
        raise BadParameterError(f"latest is {latest}; it can be 0 to {MOST_LATEST}.")
    with snapshot(database) as read:
        hours_from = framing.kept_hours_from(read)
        asked = framing.frame(start, end, granularity, time_zone, hours_from)
        current, previous, of_before = comparing.compared(asked, now, hours_from)
        pattern_start, of_hours = framing.since_hours(asked, "active hours, by weekday too, are those")
        found = read("client_of", {"client": client})
        if not found:
            raise UnknownClientError(f"No client has the client_id {client!r}; the report clients finds one by a part.")
        client_no = found[0][0]
        parameters = asked.parameters | {
            "client_no": client_no,
            "event_type": framing.checked_event_type(event_type),
            "kind": framing.checked_kind(kind, event_type),
            "client": client,
        }
        over_time = "client_over_time" if kind is None else "client_kind_over_time"
        days_before = client_parts.built_before(read)
        parts = parameters | client_parts.parts(asked.edges, days_before)
        whole = comparing.total(asked.period) | {"clients": [client_no]}
        latest_ahead = newest_errors_ahead(read, asked.period, latest, client_no=client_no)
        latency_ahead = read.ahead("client_latency", parts) if kind is None else list
        # answered while the bins are added up
        by_hour = parameters | {"start": pattern_start}
        pattern_ahead = read.ahead("client_pattern" if kind is None else "client_pattern_of_kind", by_hour)
        measures_ahead = read.ahead(over_time, parts)
        kinds_ahead = read.ahead("client_kinds", parameters) if kinds and event_type in (None, "EVENT") else list
        totals = [
            read.ahead(over_time, parameters | client_parts.parts([period.start, period.end], days_before))
            for period in ((current, previous) if compare else ())
        ]
        sessions_ahead = read.ahead("client_sessions", parameters)
        errors_ahead = read.ahead("errors_of_clients", whole)
        newest_ahead = read.ahead(*framing.newest_query(now))
        newest_errors = latest_errors(latest_ahead(), asked.period.zone)
        binned = client_parts.response_times(latency_ahead())
        pattern = _pattern(pattern_ahead(), asked)
        measures, sessions = measures_ahead(), sessions_ahead()
        compared, before = (total() for total in totals) if compare else ([], [])
        errors, newest = [row[2:] for row in errors_ahead()], newest_ahead()
        by_kind = kinds_ahead()
        notes = kept_from(read, asked.period, kind) + ([] if kind is None else [OF_A_KIND])
        notes += of_hours + (of_before if compare else [])
    messages = [row for row in measures if row[1] != "DELIVERY"]
    return Result(
        framing.meta("client", asked, database, now, newest, error_bound=ERROR_BOUND, notes=notes),
        {
            "summary": _summary(found[0], measures, binned, sessions, pattern, asked),
            "timeline": _timeline(measures, binned, sessions, asked),
            "event_types": _types(messages, binned),
            "kinds": kinds_table(by_kind),
            "error_codes": _codes(errors),
            "pattern": pattern,
            "comparison": comparing.comparison(
                COUNTS, [row[:-1] for row in compared], [row[:-1] for row in before], previous, compare=compare
            ),
            "latest_errors": newest_errors,
        },
    )


def _summary(
    who: tuple[Any, ...], measures: Rows, binned: Sketches, sessions: Rows, pattern: pd.DataFrame, asked: Frame
) -> pd.DataFrame:
    zone = asked.period.zone
    ended = np.array([row[1:] for row in sessions], dtype=np.int64).reshape(-1, 2).sum(axis=0)
    return pd.DataFrame(
        {
            "client_id": pd.array([who[1]], dtype="str"),
            "name": pd.array([who[3]], dtype="str"),
            "identity": pd.array([who[2]], dtype="str"),
            "first_seen": framing.instants([who[4]], zone),
            "last_seen": framing.instants([who[5]], zone),
            **_measured([(0, *row[1:]) for row in measures], binned.over_time.together(), 1),
            "sessions": ended[:1],
            "session_mean_seconds": quotient(ended[1:] / 1000, ended[:1]),
            "active_hours": [int(pattern["active_hours"].sum())],
        }
    )


def _timeline(measures: Rows, binned: Sketches, sessions: Rows, asked: Frame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "timestamp": asked.index,
            **_measured(measures, binned.over_time, asked.count),
            "sessions": asked.sums([row[:2] for row in sessions], 1)[:, 0],
        }
    )


def _types(messages: Rows, binned: Sketches) -> pd.DataFrame:
    events: dict[str, int] = {}
    for row in messages:
        events[row[1]] = events.get(row[1], 0) + row[2]
    types = sorted(events, key=lambda name: (-events[name], name))
    place = {name: number for number, name in enumerate(types)}
    own = [(place[row[1]], *row[1:]) for row in messages]
    measured = _measured(own, binned.of_types(types), len(types))
    count = measured["events"]
    return pd.DataFrame(
        {
            "event_type": pd.array(types, dtype="str"),
            **measured,
            "share": ratio(count, np.full(len(count), count.sum())),
        }
    )


def _measured(rows: Rows, binned: Binned, groups: int) -> dict[str, npt.NDArray[Any]]:
    """The measures of each of `groups` groups, whose number stands first in each row."""
    group = np.array([row[0] for row in rows], dtype=np.int64)
    counts = np.zeros((groups, len(COUNTS)), dtype=np.int64)
    np.add.at(counts, group, np.array([row[2:-1] for row in rows], dtype=np.int64).reshape(-1, len(COUNTS)))
    milliseconds = np.bincount(group, weights=[row[-1] for row in rows], minlength=groups)
    times = binned.percentiles(groups)
    columns = dict(zip(COUNTS, counts.T, strict=True))
    return {
        **columns,
        "error_rate": ratio(columns["errors"], columns["events"]),
        "mean_ms": quotient(milliseconds, columns["answered"]),
        **dict(zip(("p50_ms", "p95_ms", "p99_ms"), times.T, strict=True)),
    }


def _codes(errors: Rows) -> pd.DataFrame:
    counts = np.array([row[1] for row in errors], dtype=np.int64)
    return pd.DataFrame(
        {
            "error_code": pd.array([row[0] for row in errors], dtype="str"),
            "errors": counts,
            "share": ratio(counts, np.full(len(counts), counts.sum())),
        }
    )


def _pattern(rows: Rows, asked: Frame) -> pd.DataFrame:
    """`rows`: hours and their messages; placed by the clock of the reporting zone."""
    at = pd.DatetimeIndex([row[0] for row in rows], dtype="datetime64[us, UTC]").tz_convert(asked.period.zone)
    counted = (at.day_of_week.to_numpy(), at.hour.to_numpy())
    events, hours = np.zeros((7, 24), dtype=np.int64), np.zeros((7, 24), dtype=np.int64)
    np.add.at(events, counted, np.array([row[1] for row in rows], dtype=np.int64))
    np.add.at(hours, counted, 1)
    return pd.DataFrame(
        {
            "weekday": np.repeat(np.arange(1, 8), 24),
            "hour": np.tile(np.arange(24), 7),
            "events": events.ravel(),
            "active_hours": hours.ravel(),
        }
    )


client = Report(
    name="client",
    title="One client",
    meaning="Everything about one client: what it did and when, how fast it was answered, what went wrong",
    parameters=(
        Parameter("client", "client_id of the client; required"),
        *framing.RANGE,
        framing.EVENT_TYPE,
        framing.KIND,
        comparing.COMPARE,
        Parameter(
            "kinds",
            "whether to count its events by kind; over a quarter that takes a third longer",
            False,
            (False, True),
        ),
        Parameter("latest", f"how many of its latest errors to list, 0 to {MOST_LATEST}", LATEST),
    ),
    tables=tables.TABLES,
    run=run,
    charts={
        "outcomes": "core.charts.history:outcomes",
        "bandwidth": "core.charts.transfer:bandwidth",
        "response_times": "core.charts.history:response_times_of_client",
        "active_hours": "core.charts.leaders:active_hours",
    },
)
