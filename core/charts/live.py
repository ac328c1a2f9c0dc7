"""The charts of the realtime page. Columns are those of the realtime report, after `wall_clock`."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.parts import CLOCK, Data, crosshair, fade, finish, time_x, value_y
from core.charts.theme import BLUE, EVENT_TYPES, ORANGE, TEAL, VIOLET, category
from core.formats import BYTES_AXIS, COUNT_AXIS, COUNT_LABEL, MS_AXIS, PERCENT_AXIS

HOST_SERIES = (("cpu_percent", "CPU", VIOLET), ("memory_percent", "Memory", BLUE), ("disk_percent", "Disk", TEAL))
"""Column, name and colour of each line of `host`, for its legend."""


def _colour(field: str) -> alt.Color:
    domain = list(EVENT_TYPES)
    return alt.Color(f"{field}:N", sort=domain, scale=alt.Scale(domain=domain), legend=None)


def fold(frame: pd.DataFrame, by: list[str], values: list[str]) -> pd.DataFrame:
    """Sum `values` over chart categories instead of event types, with `rank`: the category's place in the order."""
    folded = frame.assign(event_type=frame["event_type"].map(category))
    folded = folded.groupby([*by, "event_type"], as_index=False, sort=False)[values].sum()
    folded["rank"] = folded["event_type"].map({name: rank for rank, name in enumerate(EVENT_TYPES)})
    return folded.sort_values([*by, "rank"], ignore_index=True)


def events(data: Data, height: int = 320) -> alt.Chart | alt.LayerChart:
    """Stacked areas of events per second by type (`timeline`, folded)."""
    base = alt.Chart(data)
    area = base.mark_area(opacity=0.88).encode(
        x=time_x(CLOCK),
        y=value_y("events_per_second:Q", COUNT_AXIS, stack="zero"),
        color=_colour("event_type"),
        order=alt.Order("rank:Q"),
    )
    wide = base.transform_pivot("event_type", value="events_per_second", groupby=["timestamp", "clock"], op="sum")
    tips = [alt.Tooltip(f"{name}:Q", title=name, format=",.1f") for name in EVENT_TYPES]
    return finish(area + crosshair(wide, tips), height)


def types(data: Data, height: int = 190) -> alt.Chart | alt.LayerChart:
    """A ring of events by type (`event_types`, folded) with the total in its middle."""
    base = alt.Chart(data)
    ring = base.mark_arc(innerRadius=58, outerRadius=82).encode(
        theta=alt.Theta("events:Q", stack=True),
        order=alt.Order("rank:Q"),
        color=_colour("event_type"),
        tooltip=[
            alt.Tooltip("event_type:N", title="Type"),
            alt.Tooltip("events:Q", title="Events", format=","),
            alt.Tooltip("share:Q", title="Share", format=".1%"),
        ],
    )
    total = base.transform_aggregate(total="sum(events)")
    label = total.transform_calculate(label=COUNT_LABEL.format("datum.total"))
    number = label.mark_text(fontSize=21, fontWeight=600, dy=-5).encode(text="label:N")
    word = total.mark_text(fontSize=11, dy=14).encode(text=alt.value("events"))
    return finish(ring + number + word, height)


def bandwidth(data: Data, height: int = 190) -> alt.Chart | alt.LayerChart:
    """Bytes per second: to clients above the axis, from clients below (`connections`)."""
    base = alt.Chart(data).transform_calculate(
        received="isValid(datum.bytes_in_per_second) ? -datum.bytes_in_per_second : null"
    )
    up = base.mark_area(color=fade(TEAL, 0.55), line={"color": TEAL, "strokeWidth": 1.5}).encode(
        x=time_x(CLOCK), y=value_y("bytes_out_per_second:Q", BYTES_AXIS)
    )
    down = base.mark_area(color=ORANGE, opacity=0.45, line={"color": ORANGE, "strokeWidth": 1.5}).encode(
        x=time_x(CLOCK), y=alt.Y("received:Q", title=None)
    )
    tips = [
        alt.Tooltip("bytes_out_per_second:Q", title="Out, B/s", format=".3~s"),
        alt.Tooltip("bytes_in_per_second:Q", title="In, B/s", format=".3~s"),
    ]
    return finish(up + down + crosshair(base, tips), height)


def latency(data: Data, height: int = 190) -> alt.Chart | alt.LayerChart:
    """The median as a line, p95 and p99 as bands (`latency`); gaps where nothing was answered."""
    base = alt.Chart(data)
    to_p99 = base.mark_area(opacity=0.16, color=BLUE).encode(x=time_x(CLOCK), y=value_y("p50:Q", MS_AXIS), y2="p99:Q")
    to_p95 = base.mark_area(opacity=0.28, color=BLUE).encode(x="timestamp:T", y="p50:Q", y2="p95:Q")
    median = base.mark_line(color=BLUE, strokeWidth=2).encode(x="timestamp:T", y="p50:Q")
    tips = [alt.Tooltip(f"{name}:Q", title=f"{name}, ms", format=".1f") for name in ("p50", "p95", "p99")]
    return finish(to_p99 + to_p95 + median + crosshair(base, tips), height)


def connections(data: Data, height: int = 190) -> alt.Chart | alt.LayerChart:
    """Open connections, with the highest number within each step as a thin line (`connections`)."""
    base = alt.Chart(data)
    open_now = base.mark_area(color=fade(VIOLET, 0.35), line={"color": VIOLET, "strokeWidth": 2}).encode(
        x=time_x(CLOCK), y=value_y("active_connections:Q", COUNT_AXIS, whole=True)
    )
    peak = base.mark_line(color=VIOLET, strokeWidth=1, strokeDash=[3, 3], opacity=0.7).encode(
        x="timestamp:T", y="peak_connections:Q"
    )
    tips = [
        alt.Tooltip("active_connections:Q", title="Open", format=","),
        alt.Tooltip("peak_connections:Q", title="Peak", format=","),
    ]
    return finish(open_now + peak + crosshair(base, tips), height)


def host(data: Data, height: int = 120) -> alt.Chart | alt.LayerChart:
    """Processor, memory and disk use in per cent (`connections`)."""
    base = alt.Chart(data)
    whole = alt.Scale(domain=[0, 100])
    lines: list[Any] = [
        base.mark_line(color=colour).encode(
            x=time_x(CLOCK), y=value_y(f"{field}:Q", PERCENT_AXIS, scale=whole, ticks=[0, 50, 100])
        )
        for field, _, colour in HOST_SERIES
    ]
    tips = [alt.Tooltip(f"{field}:Q", title=f"{name}, %", format=".1f") for field, name, _ in HOST_SERIES]
    layers: alt.LayerChart = alt.layer(*lines, crosshair(base, tips))  # type: ignore[assignment]
    return finish(layers, height)
