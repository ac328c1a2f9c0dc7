"""What charts of a series over time share: few enough points, the reporting zone's clock, axes, colours, a note."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from core.charts.parts import finish, time_x, wall_clock
from core.charts.theme import NEUTRAL

if TYPE_CHECKING:
    from core.reports.declaration import Meta

Chart = alt.Chart | alt.LayerChart
MOST_BARS = 62
"""A series of more points is drawn as areas."""
BAR_WIDTH = 0.94
"""Part of its bucket that a bar fills."""
MOST_POINTS = 400
"""A series has at most so many points: of a longer one neighbouring buckets are drawn as one, and the chart says so."""
HOURS_LABELLED = timedelta(days=4)
"""A time axis over more than this names days only."""
AXIS_LABELS = {"hour": "%d %b %H:%M", "month": "%b %Y"}
TIP_LABELS = {"hour": "%a %d %b %Y %H:%M", "month": "%B %Y", "week": "Week of %d %b %Y"}
DAY_AXIS, DAY_TIP = "%d %b", "%a %d %b %Y"


def thinned(frame: pd.DataFrame, measures: Mapping[str, str]) -> tuple[pd.DataFrame, int]:
    """`frame` with at most MOST_POINTS rows, and how many of its rows became one; `measures`: name → aggregation."""
    merged = max(math.ceil(len(frame) / MOST_POINTS), 1)
    if merged == 1:
        return frame[["timestamp", *measures]].copy(), 1
    places = pd.Series(range(len(frame)), index=frame.index) // merged
    return frame.groupby(places).agg({"timestamp": "first", **measures}).reset_index(drop=True), merged


def until(local: pd.DataFrame, meta: Meta) -> pd.Series:
    """Where the bar of each bucket ends: BAR_WIDTH of the way to the next one, or to the end of the range.

    `local`: what `clocked` gives, one row per bucket.
    """
    ends = local["timestamp"].shift(-1, fill_value=pd.Timestamp(meta.end.replace(tzinfo=None)))
    return local["timestamp"] + (ends - local["timestamp"]) * BAR_WIDTH


def clocked(frame: pd.DataFrame, meta: Meta) -> pd.DataFrame:
    """Times as the axis and the tooltips want them."""
    return wall_clock(frame, TIP_LABELS.get(meta.granularity or "", DAY_TIP))


def time_axis(meta: Meta) -> alt.X:
    by_day = meta.granularity == "hour" and meta.end - meta.start > HOURS_LABELLED
    return time_x(DAY_AXIS if by_day else AXIS_LABELS.get(meta.granularity or "", DAY_AXIS))


def colour(domain: Sequence[str], shown: Sequence[str] | None = None) -> alt.Color:
    legend = alt.Legend(orient="top", title=None, values=list(shown if shown is not None else domain))
    return alt.Color("series:N", sort=list(domain), scale=alt.Scale(domain=list(domain)), legend=legend)


def noted(chart: Chart, merged: int, meta: Meta, height: int, what: str) -> Chart:
    """The finished chart; where buckets were drawn as one, a line above it says how."""
    finished = finish(chart, height)
    if merged == 1:
        return finished
    note = f"Each point is {merged} {meta.granularity}s: {what}."
    noted: Chart = finished.properties(
        title=alt.Title(note, fontSize=11, fontWeight="normal", color=NEUTRAL, anchor="start")
    )
    return noted
