"""Charts of reports over a range. Each takes the `Result` of its report; in notebooks: `result.chart()`.

A series has at most MOST_POINTS points: of a longer one neighbouring buckets are drawn as one, and the chart says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from core.charts.parts import crosshair, fade, finish, time_x, value_y, wall_clock
from core.charts.theme import EVENT_TYPES, NEUTRAL, OTHER, category
from core.formats import COUNT_AXIS, MS_AXIS

if TYPE_CHECKING:
    from core.reports.declaration import Meta, Result

Chart = alt.Chart | alt.LayerChart
MOST_POINTS = 400
MOST_BARS = 62
"""A series of more points is drawn as areas."""
BAR_WIDTH = 0.94
"""Part of its bucket that a bar fills."""
MOST_CODES = 5
HOURS_LABELLED = timedelta(days=4)
"""A time axis over more than this names days only."""
VIOLET = "#7C5CFF"
PERCENTILES = {"p50_ms": "P50", "p95_ms": "P95", "p99_ms": "P99"}
AXIS_LABELS = {"hour": "%d %b %H:%M", "month": "%b %Y"}
TIP_LABELS = {"hour": "%a %d %b %Y %H:%M", "month": "%B %Y", "week": "Week of %d %b %Y"}
DAY_AXIS, DAY_TIP = "%d %b", "%a %d %b %Y"


def traffic(result: Result, previous: Result | None = None, height: int = 300) -> Chart:
    """Messages over time by event type, stacked; `previous`, the traffic report of as many buckets before, dashed."""
    rows = result["event_types_over_time"]
    rows = rows.assign(event_type=rows["event_type"].map(category)).rename(columns={"event_type": "series"})
    rows = rows.groupby(["timestamp", "series"])[["events"]].sum().reset_index()
    before = None
    if previous is not None:
        before = result.frame[["timestamp"]].assign(previous=previous.frame["events"].reindex(result.frame.index))
    return _stacked(result.meta, rows, "events", list(EVENT_TYPES), height, before)


def errors(result: Result, height: int = 300) -> Chart:
    """Errors over time by code, stacked: the most frequent codes, the others together."""
    codes = list(result["error_codes"]["error_code"].head(MOST_CODES))
    rows = result["error_codes_over_time"].rename(columns={"error_code": "series"})
    rows["series"] = rows["series"].where(rows["series"].isin(codes), OTHER)
    rows = rows.groupby(["timestamp", "series"])[["errors"]].sum().reset_index()
    return _stacked(result.meta, rows, "errors", [*codes, OTHER], height)


def response_times(result: Result, height: int = 300) -> Chart:
    """P50, P95 and P99 over time, on a logarithmic scale; gaps where nothing was answered."""
    frame, merged = _thinned(result["timeline"], dict.fromkeys(PERCENTILES, "max") | {"answered": "sum"})
    long = frame.melt(["timestamp"], list(PERCENTILES), "series", "value").replace({"series": PERCENTILES})
    names = list(PERCENTILES.values())
    lines = (
        alt.Chart(_clocked(long, result.meta))
        .mark_line(strokeWidth=2)
        .encode(x=_time(result.meta), y=value_y("value:Q", MS_AXIS, scale=alt.Scale(type="log")), color=_colour(names))
    )
    tips = [alt.Tooltip(f"{field}:Q", title=f"{name}, ms", format=",.1f") for field, name in PERCENTILES.items()]
    tips.append(alt.Tooltip("answered:Q", title="Answered", format=","))
    rule = crosshair(alt.Chart(_clocked(frame, result.meta)), tips)
    return _noted(lines + rule, merged, result.meta, height, "the highest of each percentile")


def connections(result: Result, height: int = 300) -> Chart:
    """Open connections, mean and peak."""
    frame, merged = _thinned(
        result["timeline"],
        {"active_connections": "mean", "peak_connections": "max", "opened": "sum", "closed": "sum"},
    )
    base = alt.Chart(_clocked(frame.astype({"peak_connections": "Float64"}), result.meta))
    mean = base.mark_area(color=fade(VIOLET, 0.35), line={"color": VIOLET, "strokeWidth": 2}).encode(
        x=_time(result.meta), y=value_y("active_connections:Q", COUNT_AXIS, whole=True)
    )
    peak = base.mark_line(color=VIOLET, strokeWidth=1, strokeDash=[3, 3]).encode(
        x="timestamp:T", y="peak_connections:Q"
    )
    tips = [
        alt.Tooltip("active_connections:Q", title="Open, mean", format=",.1f"),
        alt.Tooltip("peak_connections:Q", title="Peak", format=","),
        alt.Tooltip("opened:Q", title="Opened", format=","),
        alt.Tooltip("closed:Q", title="Closed", format=","),
    ]
    return _noted(mean + peak + crosshair(base, tips), merged, result.meta, height, "the mean and the highest peak")


def session_lengths(result: Result, height: int = 220) -> Chart:
    """How many connections lasted how long."""
    rows = result["session_lengths"][["length", "sessions", "share"]]
    bars = (
        alt.Chart(rows)
        .mark_bar(color=VIOLET, cornerRadiusEnd=3)
        .encode(
            x=alt.X("length:N", sort=list(rows["length"]), title=None, axis=alt.Axis(labelAngle=0)),
            y=value_y("sessions:Q", COUNT_AXIS, whole=True),
            tooltip=[
                alt.Tooltip("length:N", title="Lasted"),
                alt.Tooltip("sessions:Q", title="Connections", format=","),
                alt.Tooltip("share:Q", title="Share", format=".1%"),
            ],
        )
    )
    return finish(bars, height)


def _stacked(
    meta: Meta, rows: pd.DataFrame, value: str, domain: list[str], height: int, before: pd.DataFrame | None = None
) -> Chart:
    """Bars, or areas where there are many; `rows`: timestamp, series, `value`; `before`: timestamp, previous."""
    wide = rows.pivot_table(index="timestamp", columns="series", values=value, aggfunc="sum").reset_index()
    names = [name for name in domain if name in wide.columns]
    if before is not None:
        wide = wide.merge(before, on="timestamp", how="right")
    wide, merged = _thinned(wide, dict.fromkeys(wide.columns.drop("timestamp"), "sum"))
    clocked = _clocked(wide, meta)
    ends = clocked["timestamp"].shift(-1, fill_value=pd.Timestamp(meta.end.replace(tzinfo=None)))
    clocked["until"] = clocked["timestamp"] + (ends - clocked["timestamp"]) * BAR_WIDTH
    long = clocked.melt(["timestamp", "until", "clock"], names, "series", "value")
    # stacked here: Vega takes bars between two times for bars that lie down, and would not stack them
    long["upper"] = long.groupby("timestamp")["value"].cumsum()
    long["lower"] = long["upper"] - long["value"]
    as_bars = len(wide) <= MOST_BARS
    marks = alt.Chart(long).mark_rect() if as_bars else alt.Chart(long).mark_area(opacity=0.88)
    encoded: Any = marks.encode(
        x=_time(meta), y=value_y("lower:Q", COUNT_AXIS), y2="upper:Q", color=_colour(domain, names)
    )
    layers = [encoded.encode(x2="until:T") if as_bars else encoded]
    tips = [alt.Tooltip(f"{name}:Q", title=name, format=",") for name in names]
    over = alt.Chart(clocked)
    if before is not None:
        line = over.mark_line(color=NEUTRAL, strokeDash=[5, 4], interpolate="step-after" if as_bars else "monotone")
        layers.append(line.encode(x="timestamp:T", y=alt.Y("previous:Q", title=None)))
        tips.append(alt.Tooltip("previous:Q", title="Period before", format=","))
    layers.append(crosshair(over, tips))
    chart: Chart = alt.layer(*layers)  # type: ignore[assignment]
    return _noted(chart, merged, meta, height, "their sum")


def _thinned(frame: pd.DataFrame, measures: Mapping[str, str]) -> tuple[pd.DataFrame, int]:
    """`frame` with at most MOST_POINTS rows, and how many of its rows became one; `measures`: name → aggregation."""
    merged = max(math.ceil(len(frame) / MOST_POINTS), 1)
    if merged == 1:
        return frame[["timestamp", *measures]].copy(), 1
    places = pd.Series(range(len(frame)), index=frame.index) // merged
    return frame.groupby(places).agg({"timestamp": "first", **measures}).reset_index(drop=True), merged


def _clocked(frame: pd.DataFrame, meta: Meta) -> pd.DataFrame:
    """Times as the axis and the tooltips want them."""
    return wall_clock(frame, TIP_LABELS.get(meta.granularity or "", DAY_TIP))


def _time(meta: Meta) -> alt.X:
    by_day = meta.granularity == "hour" and meta.end - meta.start > HOURS_LABELLED
    return time_x(DAY_AXIS if by_day else AXIS_LABELS.get(meta.granularity or "", DAY_AXIS))


def _colour(domain: Sequence[str], shown: Sequence[str] | None = None) -> alt.Color:
    legend = alt.Legend(orient="top", title=None, values=list(shown if shown is not None else domain))
    return alt.Color("series:N", sort=list(domain), scale=alt.Scale(domain=list(domain)), legend=legend)


def _noted(chart: Chart, merged: int, meta: Meta, height: int, what: str) -> Chart:
    """The finished chart; where buckets were drawn as one, a line above it says how."""
    finished = finish(chart, height)
    if merged == 1:
        return finished
    note = f"Each point is {merged} {meta.granularity}s: {what}."
    noted: Chart = finished.properties(
        title=alt.Title(note, fontSize=11, fontWeight="normal", color=NEUTRAL, anchor="start")
    )
    return noted
