"""The realtime report: who is connected, what flows, how fast it is answered, what fails, and how the host is doing."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import numpy as np
import pandas as pd

from core.exceptions import BadParameterError
from core.periods import zone_of
from core.reports import realtime_shape as shape
from core.reports import realtime_tables as tables
from core.reports.declaration import Meta, Parameter, Report, Result
from core.reports.frame import newest_query
from core.reports.percentiles import ERROR_BOUND
from core.reports.query import read_together
from core.storage.database import Database

WINDOWS = {60: (1, 5), 300: (2, 5), 900: (5, 15)}
"""Seconds covered → width in seconds of a chart's step, for rates and for percentiles (latency bins come per 5 s)."""

LAG_WARNING = timedelta(seconds=5)


def run(database: Database, now: datetime, window: int = 300, time_zone: str = "UTC") -> Result:
    """The realtime report at `now` (an aware datetime) over the last `window` seconds.

    Raises BadParameterError for another window than 60, 300 or 900, and DatabaseUnavailableError.
    """
    if window not in WINDOWS:
        raise BadParameterError(f"window is {window}; it can be {', '.join(map(str, WINDOWS))} seconds.")
    zone = zone_of(time_zone)
    step, latency_step = (timedelta(seconds=seconds) for seconds in WINDOWS[window])
    end = _floor(now, timedelta(seconds=1))
    chart_end = _floor(end, step)  # a step that is still filling up would look like a drop
    start = chart_end - timedelta(seconds=window)
    latency_start = _floor(start, latency_step)
    day = datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)
    from_samples = min(start, end - shape.NOW - shape.BEFORE)
    traffic, recent, latency, samples, today, clients, peak, errors, newest = read_together(
        database,
        [
            ("realtime_traffic", {"start": start, "end": chart_end, "step": step.total_seconds()}),
            ("realtime_recent_errors", {"end": end}),
            ("realtime_latency", {"start": latency_start, "end": end, "step": latency_step.total_seconds()}),
            ("realtime_samples", {"start": from_samples, "end": end}),
            ("realtime_today", {"day": day, "hour": _ceil_hour(day), "end": now}),
            ("realtime_clients_today", {"day": day, "hour": _ceil_hour(day)}),
            ("realtime_peak_today", {"day": day, "end": end}),
            ("realtime_latest_errors", {"since": now - tables.ERRORS_SINCE, "end": now, "limit": tables.LATEST_ERRORS}),
            newest_query(now),
        ],
    )
    seconds = shape.Seconds(samples, from_samples, end)
    steps = shape.Steps(start, step, window // int(step.total_seconds()), zone)
    latency_steps = shape.Steps(latency_start, latency_step, -((latency_start - end) // latency_step), zone)
    bins = np.array(latency, dtype=np.int64).reshape(-1, 3)
    errors_now, errors_before, unanswered = recent[0]
    summary = {
        **shape.live(seconds),
        **shape.percentiles_of_window(bins, latency_steps.count),
        "peak_connections": peak[0][0],
        "events_today": today[0][0],
        "errors_today": today[0][1],
        "unique_clients_today": clients[0][0],
        "unanswered": unanswered,
        "errors_per_second": errors_now / shape.NOW.total_seconds(),
        "previous_errors_per_second": errors_before / shape.BEFORE.total_seconds(),
    }
    complete_up_to: datetime | None = newest[0][0]
    meta = Meta(
        report="realtime",
        start=start.astimezone(zone),
        end=end.astimezone(zone),
        time_zone=time_zone,
        generated_at=now,
        complete_up_to=complete_up_to.astimezone(zone) if complete_up_to else None,
        granularity=f"{step.total_seconds():.0f}s",
        exact=False,
        error_bound=ERROR_BOUND,
        demo=database.demo,
        warnings=_warnings(complete_up_to, now),
    )
    return Result(
        meta,
        {
            "summary": pd.DataFrame([summary], columns=tables.SUMMARY.column_names),
            "event_types": shape.event_types(traffic),
            "timeline": shape.timeline(traffic, steps),
            "connections": shape.connections(seconds, traffic, steps),
            "latency": shape.latency(bins, latency_steps),
            "latest_errors": shape.latest_errors(errors, zone),
        },
    )


def _warnings(complete_up_to: datetime | None, now: datetime) -> tuple[str, ...]:
    if complete_up_to is None or now - complete_up_to <= LAG_WARNING:
        return ()
    return (f"No sample for {(now - complete_up_to).total_seconds():.0f} s: data may lag.",)


def _floor(instant: datetime, step: timedelta) -> datetime:
    """The beginning of the step (counted from the epoch) that holds `instant`, in UTC."""
    return datetime.fromtimestamp(instant.timestamp() // step.total_seconds() * step.total_seconds(), UTC)


def _ceil_hour(instant: datetime) -> datetime:
    """The first whole UTC hour at or after `instant`: days of zones such as UTC+05:30 begin within one."""
    hour = timedelta(hours=1)
    return _floor(instant + hour - timedelta(microseconds=1), hour)


realtime = Report(
    name="realtime",
    title="Realtime",
    meaning="What happens right now: connections, rates, response times, event types, latest errors and the host",
    parameters=(Parameter("window", "seconds that charts and breakdowns cover", 300, tuple(WINDOWS)),),
    tables=tables.TABLES,
    run=run,
)
