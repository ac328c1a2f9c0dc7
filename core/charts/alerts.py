"""What a rule saw during an incident: the value over time, the limit it was held against, and how long it was open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd

from core.alerts.measures import Unit
from core.alerts.store import Seen
from core.charts.parts import crosshair, finish, time_x, value_y, wall_clock
from core.charts.theme import NEUTRAL, VIOLET
from core.formats import BYTES_AXIS, COUNT_AXIS, MS_AXIS, PERCENT_AXIS

RED = "#E5484D"
"""Readable on both backgrounds, as the colours of `theme`."""
DURATION_AXIS = (
    "datum.value >= 86400 ? format(datum.value / 86400, '~r') + ' d' : datum.value >= 3600 ? "
    "format(datum.value / 3600, '~r') + ' h' : format(datum.value, '~r') + ' s'"
)
AXES: dict[Unit, str] = {
    "percent": PERCENT_AXIS, "ms": MS_AXIS, "bytes per second": BYTES_AXIS, "seconds": DURATION_AXIS,
}  # fmt: skip


def frame(seen: Sequence[Seen], zone: ZoneInfo) -> pd.DataFrame:
    """The rows of `values`: times as wall-clock time of the zone."""
    rows = pd.DataFrame(
        {
            "timestamp": pd.to_datetime([each.at for each in seen], utc=True).tz_convert(zone),
            "value": pd.Series([each.value for each in seen], dtype="float64"),
            "limit": pd.Series([each.limit for each in seen], dtype="float64"),
        }
    )
    return wall_clock(rows)


def values(
    rows: pd.DataFrame, unit: Unit, opened: datetime, ended: datetime | None, zone: ZoneInfo, height: int = 170
) -> alt.Chart | alt.LayerChart:
    """The value as a line, the limit dashed; shaded while the incident was open."""
    base = alt.Chart(rows)
    y = value_y("value:Q", AXES.get(unit, COUNT_AXIS))
    open_ = pd.DataFrame({"timestamp": [_local(opened, zone)], "until": [_local(ended, zone) if ended else None]})
    if ended is None:
        open_["until"] = rows["timestamp"].max()
    shade = (
        alt.Chart(open_)
        .mark_rect(color=RED, opacity=0.08)
        .encode(x=time_x("%H:%M:%S"), x2="until:T", y=alt.value(0), y2=alt.value("height"))
    )
    line = base.mark_line(color=VIOLET, strokeWidth=2, interpolate="linear").encode(x=time_x("%H:%M:%S"), y=y)
    limit = base.mark_line(color=RED, strokeWidth=1.25, strokeDash=[5, 4], interpolate="step-after").encode(
        x="timestamp:T", y="limit:Q"
    )
    tips = [
        alt.Tooltip("value:Q", title="Value", format=",.3~f"),
        alt.Tooltip("limit:Q", title="Alarm from", format=",.3~f"),
    ]
    chart: alt.LayerChart = alt.layer(shade, limit, line, crosshair(base, tips)).configure_rule(color=NEUTRAL)
    return finish(chart, height)


def _local(at: datetime, zone: ZoneInfo) -> pd.Timestamp:
    return pd.Timestamp(at).tz_convert(zone).tz_localize(None)
