"""From rows to the tables of the realtime report.

On arrays, not on data frames: this runs every second for the live page, and a frame costs more than a query here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.records import EVENT_TYPES
from core.reports import realtime_tables as tables
from core.reports.percentiles import percentiles
from core.reports.query import Rows

NOW = timedelta(seconds=10)
"""What "now" means for a rate: the mean of the last ten seconds."""
BEFORE = timedelta(seconds=60)
"""What a rate is compared with: the mean of the minute before."""

Floats = npt.NDArray[np.float64]
GAUGES = (
    "active", "peak", "events", "bytes_in", "bytes_out", "pending",
    "cpu_percent", "memory_percent", "memory_bytes", "disk_percent", "disk_bytes",
)  # fmt: skip
HOST = GAUGES[6:]


@dataclass(frozen=True)
class Steps:
    """The equal steps of a time axis: `count` of them, `step` wide, from `start` (UTC), shown in `zone`."""

    start: datetime
    step: timedelta
    count: int
    zone: ZoneInfo

    @property
    def seconds(self) -> float:
        return self.step.total_seconds()

    @property
    def index(self) -> pd.DatetimeIndex:
        return pd.date_range(self.start, periods=self.count, freq=self.step).tz_convert(self.zone)


class Seconds:
    """One value of each gauge per second from `start` to `end`; NaN where no worker reported: unknown is not zero."""

    def __init__(self, rows: Rows, start: datetime, end: datetime) -> None:
        self.start = start
        self.end = end
        self._values = np.full((round((end - start).total_seconds()), len(GAUGES)), np.nan)
        if rows:
            table = np.array(rows, dtype=np.float64)
            self._values[table[:, 0].astype(np.int64)] = table[:, 1:]

    def between(self, name: str, start: datetime, end: datetime) -> Floats:
        """The values of a gauge for the seconds of [start, end)."""
        first, last = (round((instant - self.start).total_seconds()) for instant in (start, end))
        values: Floats = self._values[first:last, GAUGES.index(name)]
        return values

    def stepped(self, name: str, steps: Steps) -> Floats:
        """The values of a gauge, a row per step and a column per second of it."""
        return self.between(name, steps.start, steps.start + steps.count * steps.step).reshape(steps.count, -1)


def live(seconds: Seconds) -> dict[str, float]:
    """The newest gauges, rates of the last ten seconds, and those of the minute before; NaN where nothing reported."""
    now = seconds.end - NOW
    before = now - BEFORE
    values = {
        "active_connections": _last(seconds.between("active", now, seconds.end)),
        "pending": _last(seconds.between("pending", now, seconds.end)),
        "previous_active_connections": _mean(seconds.between("active", before, now)),
    }
    for name in ("events", "bytes_in", "bytes_out"):
        values[f"{name}_per_second"] = _mean(seconds.between(name, now, seconds.end))
        values[f"previous_{name}_per_second"] = _mean(seconds.between(name, before, now))
    return values | {name: _last(seconds.between(name, now, seconds.end)) for name in HOST}


def percentiles_of_window(bins: npt.NDArray[np.int64], steps: int) -> dict[str, float]:
    """Percentiles over all steps, and the 95th over their first half. `bins`: rows of (step, bin, count)."""
    p50, p95, p99 = percentiles(bins[:, 1], bins[:, 2])
    first_half = bins[bins[:, 0] < steps / 2]
    return {
        "response_time_p50_ms": p50,
        "response_time_p95_ms": p95,
        "response_time_p99_ms": p99,
        "previous_response_time_p95_ms": percentiles(first_half[:, 1], first_half[:, 2])[1],
    }


def event_types(traffic: Rows) -> pd.DataFrame:
    """Messages and bytes per event type, the most frequent first."""
    totals: dict[str, list[int]] = {}
    for _, event_type, n, _, _, size in traffic:
        if n:
            total = totals.setdefault(event_type, [0, 0])
            total[0] += n
            total[1] += size
    rows = sorted(totals.items(), key=lambda item: (-item[1][0], item[0]))
    events = np.array([total[0] for _, total in rows], dtype=np.int64)
    return pd.DataFrame(
        {
            "event_type": pd.array([name for name, _ in rows], dtype="str"),
            "events": events,
            "share": events / max(events.sum(), 1),
            "bytes": np.array([total[1] for _, total in rows], dtype=np.int64),
        }
    )


def timeline(traffic: Rows, steps: Steps) -> pd.DataFrame:
    """Long format, with a zero for each step of each event type that occurs in the window."""
    seen = {event_type for _, event_type, n, *_ in traffic if n}
    types = [name for name in EVENT_TYPES if name in seen]
    column = {name: index for index, name in enumerate(types)}
    rates = np.zeros((steps.count, len(types)))
    for step, event_type, n, *_ in traffic:
        if n:
            rates[step, column[event_type]] += n / steps.seconds
    return pd.DataFrame(
        {
            "timestamp": steps.index.repeat(len(types)),
            "event_type": pd.array(types * steps.count, dtype="str"),
            "events_per_second": rates.ravel(),
        }
    )


def connections(seconds: Seconds, traffic: Rows, steps: Steps) -> pd.DataFrame:
    """One row per step. Gauges and rates are NaN where no worker reported."""
    problems = np.zeros((steps.count, 2), dtype=np.int64)
    for step, _, _, errors, unanswered, _ in traffic:
        problems[step] += (errors, unanswered)
    means = {
        name: _by_row(np.nanmean, seconds.stepped(gauge, steps))
        for name, gauge in (
            ("events_per_second", "events"),
            ("bytes_in_per_second", "bytes_in"),
            ("bytes_out_per_second", "bytes_out"),
            ("cpu_percent", "cpu_percent"),
            ("memory_percent", "memory_percent"),
            ("disk_percent", "disk_percent"),
        )
    }
    columns: dict[str, Any] = {
        "timestamp": steps.index,
        "active_connections": _last_of_rows(seconds.stepped("active", steps)),
        "peak_connections": _by_row(np.nanmax, seconds.stepped("peak", steps)),
        "errors_per_second": problems[:, 0] / steps.seconds,
        "unanswered": problems[:, 1],
        **means,
    }
    return pd.DataFrame({name: columns[name] for name in tables.CONNECTIONS.column_names})


def latency(bins: npt.NDArray[np.int64], steps: Steps) -> pd.DataFrame:
    """Percentiles per step; NaN where nothing was answered. `bins`: rows of (step, bin, count), sorted by step."""
    values = np.full((steps.count, 3), np.nan)
    bounds = np.searchsorted(bins[:, 0], np.arange(steps.count + 1))
    for step in np.flatnonzero(np.diff(bounds)):
        part = bins[bounds[step] : bounds[step + 1]]
        values[step] = percentiles(part[:, 1], part[:, 2])
    return pd.DataFrame({"timestamp": steps.index, "p50": values[:, 0], "p95": values[:, 1], "p99": values[:, 2]})


def latest_errors(rows: Rows, zone: ZoneInfo) -> pd.DataFrame:
    """The newest errors, as the query gives them, in the reporting zone."""
    columns = list(zip(*rows, strict=True)) or [()] * len(tables.ERRORS.columns)
    named = dict(zip(tables.ERRORS.column_names, columns, strict=True))
    return pd.DataFrame(
        {
            **{name: pd.array(values, dtype="str") for name, values in named.items()},
            "timestamp": pd.DatetimeIndex(named["timestamp"], tz="UTC").tz_convert(zone),
            "kind": pd.array(named["kind"], dtype="Int64"),
            "response_time_ms": np.array(named["response_time_ms"], dtype=np.float64),
        }
    )


def _last(values: Floats) -> float:
    """The newest value that is known."""
    known = values[~np.isnan(values)]
    return float(known[-1]) if known.size else float("nan")


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _by_row(reduce: Any, values: Floats) -> Floats:
    """`reduce` over each row that knows anything; NaN for the others."""
    known = ~np.isnan(values).all(axis=1)
    result = np.full(len(values), np.nan)
    if known.any():
        result[known] = reduce(values[known], axis=1)
    return result


def _last_of_rows(values: Floats) -> Floats:
    result = np.full(len(values), np.nan)
    for column in values.T:
        result = np.where(np.isnan(column), result, column)
    return result
