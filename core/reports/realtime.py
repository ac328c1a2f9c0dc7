"""The realtime report: who is connected, what flows, how fast it is answered, what fails, and how the host is doing."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.exceptions import BadParameterError
from core.records import EVENT_TYPES
from core.reports import realtime_tables as tables
from core.reports.declaration import Meta, Parameter, Report, Result
from core.reports.percentiles import ERROR_BOUND, percentiles
from core.reports.query import Rows, read_together
from core.storage.database import Database

WINDOWS = {60: (1, 5), 300: (2, 5), 900: (5, 15)}
"""Seconds covered → width in seconds of a chart's step, for rates and for percentiles (latency bins come per 5 s)."""

NOW = timedelta(seconds=10)
"""What "now" means for a rate: the mean of the last ten seconds."""
BEFORE = timedelta(seconds=60)
"""What a rate is compared with: the mean of the minute before."""
LAG_WARNING = timedelta(seconds=5)

HOST_COLUMNS = ["cpu_percent", "memory_percent", "memory_bytes", "disk_percent", "disk_bytes"]
SAMPLE_COLUMNS = ["timestamp", "active", "peak", "events", "bytes_in", "bytes_out", "pending", *HOST_COLUMNS]


def run(database: Database, now: datetime, window: int = 300, time_zone: str = "UTC") -> Result:
    """The realtime report at `now` (an aware datetime) over the last `window` seconds.

    Raises BadParameterError for another window than 60, 300 or 900, and DatabaseUnavailableError.
    """
    if window not in WINDOWS:
        raise BadParameterError(f"window is {window}; it can be {', '.join(map(str, WINDOWS))} seconds.")
    zone = ZoneInfo(time_zone)
    step, latency_step = (timedelta(seconds=seconds) for seconds in WINDOWS[window])
    end = _floor(now, timedelta(seconds=1))
    chart_end = _floor(end, step)  # a step that is still filling up would look like a drop
    start = chart_end - timedelta(seconds=window)
    latency_start = _floor(start, latency_step)
    day = datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)
    traffic, recent, latency, samples, today, clients, peak, errors, newest = read_together(
        database,
        [
            ("realtime_traffic", {"start": start, "end": chart_end, "step": step}),
            ("realtime_recent_errors", {"end": end}),
            ("realtime_latency", {"start": latency_start, "end": end, "step": latency_step}),
            ("realtime_samples", {"start": min(start, end - NOW - BEFORE), "end": end}),
            ("realtime_today", {"day": day, "hour": _ceil_hour(day), "end": now}),
            ("realtime_clients_today", {"day": day}),
            ("realtime_peak_today", {"day": day, "end": end}),
            ("realtime_latest_errors", {"since": now - tables.ERRORS_SINCE, "end": now, "limit": tables.LATEST_ERRORS}),
            ("newest_sample", {"end": now}),
        ],
    )
    seconds = _samples(samples)
    bins = _bins(latency)
    steps = pd.date_range(start, chart_end, freq=step, inclusive="left")
    by_step = _traffic(traffic)
    summary = _summary_of_samples(seconds, end) | _percentiles_of_window(bins, latency_start, end)
    errors_now, errors_before, unanswered = recent[0]
    summary |= {
        "peak_connections": peak[0][0],
        "events_today": today[0][0],
        "errors_today": today[0][1],
        "unique_clients_today": clients[0][0],
        "unanswered": unanswered,
        "errors_per_second": errors_now / NOW.total_seconds(),
        "previous_errors_per_second": errors_before / BEFORE.total_seconds(),
    }
    complete_up_to = newest[0][0]
    lag = None if complete_up_to is None else now - complete_up_to
    warnings = (
        () if lag is None or lag <= LAG_WARNING else (f"No sample for {lag.total_seconds():.0f} s: data may lag.",)
    )
    return Result(
        Meta(
            report="realtime",
            start=start.astimezone(zone),
            end=end.astimezone(zone),
            time_zone=time_zone,
            generated_at=now,
            complete_up_to=complete_up_to and complete_up_to.astimezone(zone),
            granularity=f"{step.total_seconds():.0f}s",
            exact=False,
            error_bound=ERROR_BOUND,
            demo=database.demo,
            warnings=warnings,
        ),
        {
            "summary": pd.DataFrame([summary], columns=tables.SUMMARY.column_names),
            "event_types": _event_types(by_step),
            "timeline": _timeline(by_step, steps, step, zone),
            "connections": _connections(seconds, by_step, steps, step, zone),
            "latency": _latency(bins, pd.date_range(latency_start, end, freq=latency_step, inclusive="left"), zone),
            "latest_errors": _latest_errors(errors, zone),
        },
    )


def _floor(instant: datetime, step: timedelta) -> datetime:
    """The beginning of the step (counted from the epoch) that holds `instant`, in UTC."""
    return datetime.fromtimestamp(instant.timestamp() // step.total_seconds() * step.total_seconds(), UTC)


def _ceil_hour(instant: datetime) -> datetime:
    """The first whole UTC hour at or after `instant`: days of zones such as UTC+05:30 begin within one."""
    hour = timedelta(hours=1)
    return _floor(instant + hour - timedelta(microseconds=1), hour)


def _samples(rows: Rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=SAMPLE_COLUMNS)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
    frame[SAMPLE_COLUMNS[1:]] = frame[SAMPLE_COLUMNS[1:]].astype("float64")
    return frame


def _traffic(rows: Rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["step", "event_type", "n", "errors", "unanswered", "bytes"])
    frame["step"] = pd.to_datetime(frame["step"], utc=True)
    frame[["n", "errors", "unanswered", "bytes"]] = frame[["n", "errors", "unanswered", "bytes"]].astype("int64")
    return frame


def _bins(rows: Rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["step", "bin", "n"])
    frame["step"] = pd.to_datetime(frame["step"], utc=True)
    frame[["bin", "n"]] = frame[["bin", "n"]].astype("int64")
    return frame


def _summary_of_samples(seconds: pd.DataFrame, end: datetime) -> dict[str, Any]:
    """Live numbers and those of the minute before. A rate is None when there was no sample to take it from."""
    now = seconds[seconds["timestamp"] >= end - NOW]
    before = seconds[(seconds["timestamp"] < end - NOW) & (seconds["timestamp"] >= end - NOW - BEFORE)]
    if now.empty:
        return {}
    last = now.iloc[-1]
    host = now[HOST_COLUMNS].ffill().iloc[-1]  # host figures come from one worker only
    return {
        "active_connections": last["active"],
        "pending": last["pending"],
        "events_per_second": now["events"].mean(),
        "bytes_in_per_second": now["bytes_in"].mean(),
        "bytes_out_per_second": now["bytes_out"].mean(),
        "previous_active_connections": before["active"].mean(),
        "previous_events_per_second": before["events"].mean(),
        "previous_bytes_in_per_second": before["bytes_in"].mean(),
        "previous_bytes_out_per_second": before["bytes_out"].mean(),
        **{str(name): value for name, value in host.items()},
    }


def _arrays(bins: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return bins["bin"].to_numpy(np.int64), bins["n"].to_numpy(np.int64)


def _percentiles_of_window(bins: pd.DataFrame, start: datetime, end: datetime) -> dict[str, float]:
    p50, p95, p99 = percentiles(*_arrays(bins))
    first_half = bins[bins["step"] < start + (end - start) / 2]
    return {
        "response_time_p50_ms": p50,
        "response_time_p95_ms": p95,
        "response_time_p99_ms": p99,
        "previous_response_time_p95_ms": percentiles(*_arrays(first_half))[1],
    }


def _event_types(by_step: pd.DataFrame) -> pd.DataFrame:
    totals = by_step[by_step["n"] > 0].groupby("event_type", as_index=False)[["n", "bytes"]].sum()
    totals = totals.sort_values(["n", "event_type"], ascending=[False, True], ignore_index=True)
    totals["share"] = totals["n"] / totals["n"].sum()
    return totals.rename(columns={"n": "events"})[tables.EVENT_TYPE_SHARES.column_names]


def _timeline(by_step: pd.DataFrame, steps: pd.DatetimeIndex, step: timedelta, zone: ZoneInfo) -> pd.DataFrame:
    """Long format, with a zero for each step of each event type that occurs in the window."""
    messages = by_step[by_step["n"] > 0]
    seen = set(messages["event_type"])
    types = [name for name in EVENT_TYPES if name in seen]
    grid = messages.pivot_table(index="step", columns="event_type", values="n", aggfunc="sum", observed=False)
    grid = grid.reindex(index=steps, columns=types).fillna(0.0) / step.total_seconds()
    long = pd.DataFrame(
        {
            "timestamp": np.repeat(steps.tz_convert(zone), len(types)) if types else steps[:0].tz_convert(zone),
            "event_type": types * len(steps),
            "events_per_second": grid.to_numpy().ravel() if types else np.empty(0),
        }
    )
    return long[tables.TIMELINE.column_names]


def _connections(
    seconds: pd.DataFrame, by_step: pd.DataFrame, steps: pd.DatetimeIndex, step: timedelta, zone: ZoneInfo
) -> pd.DataFrame:
    """One row per step. Gauges and rates are NaN where no worker reported: unknown is not zero."""
    inside = seconds[(seconds["timestamp"] >= steps[0]) & (seconds["timestamp"] < steps[-1] + step)]
    grouped = inside.groupby(steps[0] + (inside["timestamp"] - steps[0]) // step * step)
    frame = pd.DataFrame(
        {
            "active_connections": grouped["active"].last(),
            "peak_connections": grouped["peak"].max(),
            "events_per_second": grouped["events"].mean(),
            "bytes_in_per_second": grouped["bytes_in"].mean(),
            "bytes_out_per_second": grouped["bytes_out"].mean(),
            "cpu_percent": grouped["cpu_percent"].mean(),
            "memory_percent": grouped["memory_percent"].mean(),
            "disk_percent": grouped["disk_percent"].mean(),
        }
    ).reindex(steps)
    problems = by_step.groupby("step")[["errors", "unanswered"]].sum().reindex(steps).fillna(0)
    frame["errors_per_second"] = problems["errors"] / step.total_seconds()
    frame["unanswered"] = problems["unanswered"].astype("int64")
    frame["timestamp"] = steps.tz_convert(zone)
    return frame.reset_index(drop=True)[tables.CONNECTIONS.column_names]


def _latency(bins: pd.DataFrame, steps: pd.DatetimeIndex, zone: ZoneInfo) -> pd.DataFrame:
    found = {step: percentiles(*_arrays(group)) for step, group in bins.groupby("step")}
    nothing = [float("nan")] * 3
    frame = pd.DataFrame([found.get(step, nothing) for step in steps], columns=["p50", "p95", "p99"], dtype="float64")
    frame.insert(0, "timestamp", steps.tz_convert(zone))
    return frame


def _latest_errors(rows: Rows, zone: ZoneInfo) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=tables.ERRORS.column_names)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True).dt.tz_convert(zone)
    frame["kind"] = frame["kind"].astype("Int64")
    frame["response_time_ms"] = frame["response_time_ms"].astype("float64")
    return frame


realtime = Report(
    name="realtime",
    title="Realtime",
    meaning="What happens right now: connections, rates, response times, event types, latest errors and the host",
    parameters=(Parameter("window", "seconds that charts and breakdowns cover", 300, tuple(WINDOWS)),),
    tables=tables.TABLES,
    run=run,
)
