"""The connections report: open at once, opened and closed, how long they lasted, and the host that carried them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from core.reports import frame as framing
from core.reports import packed, sessions
from core.reports.declaration import Column, Parameter, Report, Result, Table
from core.reports.frame import Day, Frame, ratio
from core.reports.minutes import kept_minutes
from core.reports.percentiles import ERROR_BOUND
from core.reports.query import Rows, snapshot
from core.storage.database import Database

ACTIVE = Column(
    "active_connections", "connections open, mean of the sampled seconds; null where none was", "connections"
)
PEAK = Column(
    "peak_connections",
    "most connections at once; null where nothing was sampled. Over several relays (and their workers) an upper bound: "
    "the highest sum of their peaks within a minute (a second)",
    "connections",
)
COUNTS = (
    Column("opened", "connections opened", "connections"),
    Column("closed", "connections closed", "connections"),
)
HOST = (
    Column(
        "cpu_percent", "processor use of the host, mean of the minutes; with several hosts of the busiest", "percent"
    ),
    Column("cpu_percent_max", "its busiest minute", "percent"),
    Column("memory_percent", "memory use of the host, mean of the minutes", "percent"),
    Column("memory_percent_max", "its fullest minute", "percent"),
    Column("disk_percent_max", "disk use of the host, the most", "percent"),
)
SAMPLED = Column("sampled_seconds", "seconds that were sampled; what the means and peaks stand on", "seconds")

TIMELINE = Table(
    "timeline",
    "one row per bucket; those without samples have zero counts and no means",
    (Column("timestamp", "beginning of the bucket"), ACTIVE, PEAK, *COUNTS, *HOST, SAMPLED),
)
SUMMARY = Table(
    "summary",
    "one row for the whole range",
    (
        ACTIVE,
        PEAK,
        Column("peak_at", "minute of that peak, the first of several; null where minutes are no longer kept"),
        Column("busiest_events", "client messages of the busiest minute", "events"),
        Column("busiest_at", "that minute, the first of several; null where minutes are no longer kept"),
        *COUNTS,
        *HOST,
        SAMPLED,
        *sessions.MEASURES,
    ),
)


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    granularity: str = "auto",
    time_zone: str = "UTC",
    relay: str | None = None,
) -> Result:
    """Connections of a range. Raises BadParameterError and DatabaseUnavailableError."""
    asked = framing.frame(start, end, granularity, time_zone)
    parameters = asked.parameters | {"relay": relay}
    with snapshot(database) as read:
        counted = read("connections_over_time", parameters)
        ended, lasted = packed.sessions(read, asked, relay)
        newest = read(*framing.newest_query(now))
        highest = read("connections_highest", _places(counted, asked) | {"relay": relay}) if counted else []
        _, notes = kept_minutes(
            read, "connection_minute", asked.period, "`peak_at` and `busiest_at`, where they are known,"
        )
    return Result(
        framing.meta("connections", asked, database, now, newest, error_bound=ERROR_BOUND, notes=notes),
        {
            "timeline": _timeline(counted, asked),
            "summary": pd.concat([_summary(counted, highest, asked), sessions.in_all(ended, lasted)], axis=1),
            "sessions_over_time": sessions.over_time(ended, lasted, asked),
            "session_lengths": sessions.lengths(ended),
        },
    )


def _places(counted: Rows, asked: Frame) -> dict[str, Any]:
    """The buckets in which the peak and the busiest minute lie, the first of several."""
    edges = asked.period.edges
    peak = max(counted, key=lambda row: (row[3], -row[0]))[0]
    busiest = max(counted, key=lambda row: (row[6], -row[0]))[0]
    return {
        "peak_start": edges[peak],
        "peak_end": edges[peak + 1],
        "busiest_start": edges[busiest],
        "busiest_end": edges[busiest + 1],
    }


def _timeline(counted: Rows, asked: Frame) -> pd.DataFrame:
    """`counted`: step, seconds, active, peak, opened, closed, busiest, then of the host: processor (mean, minutes
    known, most), memory (the same), disk (most)."""
    counts = np.zeros((asked.count, 4), dtype=np.int64)
    peaks = pd.array([None] * asked.count, dtype="Int64")
    host = np.full((asked.count, len(HOST)), np.nan)
    for step, seconds, active, peak, opened, closed, _, *host_of in counted:
        counts[step] = seconds, active, opened, closed
        peaks[step] = peak
        host[step] = [np.nan if host_of[place] is None else host_of[place] for place in (0, 2, 3, 5, 6)]
    return pd.DataFrame(
        {
            "timestamp": asked.index,
            "active_connections": ratio(counts[:, 1], counts[:, 0]),
            "peak_connections": peaks,
            "opened": counts[:, 2],
            "closed": counts[:, 3],
            **{column.name: host[:, place] for place, column in enumerate(HOST)},
            "sampled_seconds": counts[:, 0],
        }
    )


def _summary(counted: Rows, highest: Rows, asked: Frame) -> pd.DataFrame:
    """The buckets together: means over all their seconds or minutes."""
    seconds, active, opened, closed = (sum(row[place] for row in counted) for place in (1, 2, 4, 5))
    peak_at, busiest_at = highest[0] if highest else (None, None)
    return pd.DataFrame(
        {
            "active_connections": [active / seconds if seconds else np.nan],
            "peak_connections": pd.array([max((row[3] for row in counted), default=None)], dtype="Int64"),
            "peak_at": _instant(peak_at, asked),
            "busiest_events": pd.array([max((row[6] for row in counted), default=None)], dtype="Int64"),
            "busiest_at": _instant(busiest_at, asked),
            "opened": np.array([opened], dtype=np.int64),
            "closed": np.array([closed], dtype=np.int64),
            "cpu_percent": [_mean(counted, 7)],
            "cpu_percent_max": [_highest(counted, 9)],
            "memory_percent": [_mean(counted, 10)],
            "memory_percent_max": [_highest(counted, 12)],
            "disk_percent_max": [_highest(counted, 13)],
            "sampled_seconds": np.array([seconds], dtype=np.int64),
        }
    )


def _instant(instant: datetime | None, asked: Frame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([instant], tz="UTC").as_unit("us").tz_convert(asked.period.zone)


def _mean(counted: Rows, place: int) -> float:
    known = [(row[place], row[place + 1]) for row in counted if row[place] is not None]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else np.nan


def _highest(counted: Rows, place: int) -> float:
    return max((row[place] for row in counted if row[place] is not None), default=np.nan)


connections = Report(
    name="connections",
    title="Connections",
    meaning="Connections open at once, opened and closed, how long they lasted, and the load of the host",
    parameters=(*framing.RANGE, Parameter("relay", "only connections of the relay of this name")),
    tables=(TIMELINE, SUMMARY, sessions.OVER_TIME, sessions.LENGTHS),
    run=run,
    charts={
        "connections": "core.charts.history:connections",
        "session_lengths": "core.charts.history:session_lengths",
    },
)
