"""Charts of reports over a range. Each takes the `Result` of its report; in notebooks: `result.chart()`.

A series has at most MOST_POINTS points: of a longer one neighbouring buckets are drawn as one, and the chart says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from core.charts.parts import crosshair, fade, finish, value_y
from core.charts.series import MOST_BARS, Chart, clocked, colour, noted, thinned, time_axis, until
from core.charts.theme import EVENT_TYPES, NEUTRAL, OTHER, VIOLET, category
from core.formats import COUNT_AXIS, MS_AXIS

if TYPE_CHECKING:
    from core.reports.declaration import Meta, Result

MOST_CODES = 5
OUTCOMES = ("Accepted", "Duplicate", "Rejected", "Unanswered", "Other")
"""`Other`: failed, cancelled, or cut off with the connection."""
PERCENTILES = {"p50_ms": "P50", "p95_ms": "P95", "p99_ms": "P99"}


def traffic(result: Result, previous: Result | None = None, height: int = 300) -> Chart:
    """Messages over time by event type, stacked; `previous`, the traffic report of as many buckets before, dashed."""
    rows = result["event_types_over_time"]
    rows = rows.assign(event_type=rows["event_type"].map(category)).rename(columns={"event_type": "series"})
    rows = rows.groupby(["timestamp", "series"])[["events"]].sum().reset_index()
    before = None
    if previous is not None and previous.frame["events"].any():
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
    return _percentiles(result.meta, result["timeline"], PERCENTILES, ("answered", "Answered"), height)


def response_times_of_client(result: Result, height: int = 230) -> Chart:
    """The same for the report of one client."""
    return _percentiles(result.meta, result["timeline"], PERCENTILES, ("answered", "Answered"), height)


def outcome_totals(result: Result) -> dict[str, int]:
    """What became of a client's messages, in the order of `outcomes`; what did not occur is left out."""
    rows = _outcomes(result["timeline"])
    return {name: int(rows[name].sum()) for name in OUTCOMES if rows[name].any()}


def outcomes(result: Result, height: int = 280) -> Chart:
    """A client's messages over time by what became of them (the report `client`)."""
    names = list(outcome_totals(result))
    rows = _outcomes(result["timeline"]).melt(["timestamp"], names, "series", "messages")
    return _stacked(result.meta, rows, "messages", names or list(OUTCOMES), height)


def _outcomes(timeline: pd.DataFrame) -> pd.DataFrame:
    known = timeline[["accepted", "duplicate", "rejected", "unanswered"]]
    named = known.rename(columns=str.capitalize)
    return named.assign(timestamp=timeline["timestamp"], Other=timeline["events"] - known.sum(axis=1))


def first_events(result: Result, height: int = 230) -> Chart:
    """Percentiles of the time from a REQ to its first event; gaps where none was delivered."""
    named = {f"first_event_{field}": name for field, name in PERCENTILES.items()}
    return _percentiles(result.meta, result["first_event"], named, ("delivering", "REQs"), height)


def _percentiles(
    meta: Meta, table: pd.DataFrame, named: Mapping[str, str], counted: tuple[str, str], height: int
) -> Chart:
    """`named`: column → name of its line; `counted`: the column of how many stand behind them, and its title."""
    frame, merged = thinned(table, dict.fromkeys(named, "max") | {counted[0]: "sum"})
    long = frame.melt(["timestamp"], list(named), "series", "value").replace({"series": dict(named)})
    lines = (
        alt.Chart(clocked(long, meta))
        .mark_line(strokeWidth=2)
        .encode(
            x=time_axis(meta),
            y=value_y("value:Q", MS_AXIS, ticks=_ticks(long["value"]), scale=alt.Scale(type="log", nice=False)),
            color=colour(list(named.values())),
        )
    )
    tips = [alt.Tooltip(f"{field}:Q", title=f"{name}, ms", format=",.1f") for field, name in named.items()]
    tips.append(alt.Tooltip(f"{counted[0]}:Q", title=counted[1], format=","))
    rule = crosshair(alt.Chart(clocked(frame, meta)), tips)
    return noted(lines + rule, merged, meta, height, "the highest of each percentile")


FEWEST_TICKS = 3


def _ticks(values: pd.Series) -> list[float]:
    """1, 3, 10, 30, … between the least and the most, and steps between where these are few: a logarithmic axis labels
    too many of its own."""
    known = values[values > 0]
    if known.empty:
        return []
    powers = range(math.floor(math.log10(known.min())), math.ceil(math.log10(known.max())) + 1)
    found: list[float] = []
    for steps in ((1, 3), (1, 2, 3, 5), range(1, 10)):
        all_steps = [float(f"{step}e{power}") for power in powers for step in steps]
        found = [step for step in all_steps if known.min() * 0.9 <= step <= known.max() * 1.1]
        if len(found) >= FEWEST_TICKS:
            break
    return found


def connections(result: Result, height: int = 300) -> Chart:
    """Open connections, mean and peak."""
    frame, merged = thinned(
        result["timeline"],
        {"active_connections": "mean", "peak_connections": "max", "opened": "sum", "closed": "sum"},
    )
    base = alt.Chart(clocked(frame.astype({"peak_connections": "Float64"}), result.meta))
    mean = base.mark_area(color=fade(VIOLET, 0.35), line={"color": VIOLET, "strokeWidth": 2}).encode(
        x=time_axis(result.meta), y=value_y("active_connections:Q", COUNT_AXIS, whole=True)
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
    return noted(mean + peak + crosshair(base, tips), merged, result.meta, height, "the mean and the highest peak")


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
    wide, merged = thinned(wide, dict.fromkeys(wide.columns.drop("timestamp"), "sum"))
    local = clocked(wide, meta)
    local["until"] = until(local, meta)
    long = local.melt(["timestamp", "until", "clock"], names, "series", "value")
    # stacked here: Vega takes bars between two times for bars that lie down, and would not stack them
    long["upper"] = long.groupby("timestamp")["value"].cumsum()
    long["lower"] = long["upper"] - long["value"]
    as_bars = len(wide) <= MOST_BARS
    marks = alt.Chart(long).mark_rect() if as_bars else alt.Chart(long).mark_area(opacity=0.88)
    encoded: Any = marks.encode(
        x=time_axis(meta), y=value_y("lower:Q", COUNT_AXIS), y2="upper:Q", color=colour(domain, names)
    )
    layers = [encoded.encode(x2="until:T") if as_bars else encoded]
    tips = [alt.Tooltip(f"{name}:Q", title=name, format=",") for name in names]
    over = alt.Chart(local)
    if before is not None:
        line = over.mark_line(color=NEUTRAL, strokeDash=[5, 4], interpolate="step-after" if as_bars else "monotone")
        layers.append(line.encode(x="timestamp:T", y=alt.Y("previous:Q", title=None)))
        tips.append(alt.Tooltip("previous:Q", title="Period before", format=","))
    layers.append(crosshair(over, tips))
    chart: Chart = alt.layer(*layers)  # type: ignore[assignment]
    return noted(chart, merged, meta, height, "their sum")
