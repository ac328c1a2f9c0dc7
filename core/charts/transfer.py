"""Charts of the bandwidth report: bytes out above the axis, bytes in below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from core.charts.parts import crosshair, fade, value_y
from core.charts.series import Chart, clocked, noted, thinned, time_axis
from core.charts.theme import NEUTRAL, ORANGE, TEAL
from core.formats import BYTES_AXIS

if TYPE_CHECKING:
    from core.reports.declaration import Result

MEASURES = ("bytes_in", "bytes_out", "payload_in", "payload_out")
TITLES = {"bytes_out": "Out", "bytes_in": "In", "payload_out": "Payload out", "payload_in": "Payload in"}


def bandwidth(result: Result, previous: Result | None = None, height: int = 300) -> Chart:
    """Wire bytes over time; `previous`, the report of as many buckets before, as dashed lines."""
    frame = result["timeline"]
    measures = dict.fromkeys(MEASURES, "sum")
    before = previous is not None and bool(previous["timeline"]["bytes_out"].any())
    if previous is not None and before:
        earlier = previous["timeline"].reindex(frame.index)
        frame = frame.assign(before_out=earlier["bytes_out"], before_in=earlier["bytes_in"])
        measures |= {"before_out": "sum", "before_in": "sum"}
    frame, merged = thinned(frame, measures)
    local = clocked(frame, result.meta)
    local["received"] = -local["bytes_in"]
    base = alt.Chart(local)
    up = base.mark_area(color=fade(TEAL, 0.5), line={"color": TEAL, "strokeWidth": 1.75}).encode(
        x=time_axis(result.meta), y=value_y("bytes_out:Q", BYTES_AXIS)
    )
    down = base.mark_area(color=ORANGE, opacity=0.45, line={"color": ORANGE, "strokeWidth": 1.75}).encode(
        x="timestamp:T", y=alt.Y("received:Q", title=None)
    )
    layers: list[alt.Chart] = [up, down]
    titles = dict(TITLES)
    if before:
        local["before_received"] = -local["before_in"]
        titles |= {"before_out": "Out before", "before_in": "In before"}
        layers += [
            base.mark_line(color=NEUTRAL, strokeDash=[5, 4], strokeWidth=1.5).encode(x="timestamp:T", y=f"{name}:Q")
            for name in ("before_out", "before_received")
        ]
    tips = [alt.Tooltip(f"{name}:Q", title=f"{title}, bytes", format=".4~s") for name, title in titles.items()]
    chart: alt.LayerChart = alt.layer(*layers, crosshair(base, tips))  # type: ignore[assignment]
    return noted(chart, merged, result.meta, height, "their sum")
