"""Annotations over a chart with a time axis: a thin rule at each, a band where it lasted, its text in a tooltip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from core.annotations import Annotation
from core.charts.series import Chart
from core.charts.theme import BLUE, NEUTRAL, ORANGE

if TYPE_CHECKING:
    from core.reports.declaration import Meta

RED = "#DC3D43"
COLOURS = {"note": NEUTRAL, "deploy": BLUE, "restart": ORANGE, "alert": RED}
TITLES = {"note": "Note", "deploy": "Deploy", "restart": "Restart", "alert": "Alert"}
BAND = 0.004
"""What lasted for at least this part of the range is drawn as a band too."""


def annotated(chart: Chart, found: Sequence[Annotation], meta: Meta) -> Chart:
    """The chart with what happened in its range; as it is when nothing did. `chart`: layers of a series over time."""
    rows = annotation_rows(found, meta)
    return chart if rows.empty else overlaid(chart, rows)


def overlaid(chart: Chart, rows: pd.DataFrame | alt.NamedData) -> Chart:
    """The chart with layers over it of `annotation_rows`, or of a set of them that is named and handed in later."""
    if not isinstance(chart, alt.LayerChart):
        return chart
    layered: alt.LayerChart = chart.copy()
    layered.layer += _layers(alt.Chart(rows))
    return layered


def _layers(base: alt.Chart) -> list[alt.Chart]:
    """A band of what lasted, the rule, its head at the top, and a broad rule that nobody sees, for the pointer."""
    x = alt.X("timestamp:T", title=None)
    shade = alt.Color("shade:N", scale=None, legend=None)  # a colour itself
    tips = [alt.Tooltip("clock:N", title="Time"), alt.Tooltip("kind:N", title="What"),
            alt.Tooltip("text:N", title="Text"), alt.Tooltip("author:N", title="By")]  # fmt: skip
    return [
        base.transform_filter("datum.lasted").mark_rect(opacity=0.12).encode(x=x, x2="until:T", color=shade),
        base.mark_rule(strokeWidth=1, strokeDash=[3, 3], opacity=0.9).encode(x=x, color=shade),
        base.mark_point(shape="triangle-down", filled=True, size=45, opacity=1).encode(
            x=x, y=alt.value(3), color=shade, tooltip=tips
        ),
        base.mark_rule(strokeWidth=9, opacity=0.001).encode(x=x, tooltip=tips),
    ]


def annotation_rows(found: Sequence[Annotation], meta: Meta) -> pd.DataFrame:
    """In wall-clock time of the zone, as charts are; cut to the range."""
    zone = meta.start.tzinfo
    rows = []
    for one in found:
        first = max(one.at.astimezone(zone), meta.start)
        last = min((one.until or one.at).astimezone(zone), meta.end)
        if first >= meta.end or last < meta.start:
            continue
        rows.append(
            {
                "timestamp": pd.Timestamp(first.replace(tzinfo=None)),
                "until": pd.Timestamp(last.replace(tzinfo=None)),
                "lasted": (last - first) / (meta.end - meta.start) >= BAND,
                "clock": f"{one.at.astimezone(zone):%a %d %b %Y %H:%M}",
                "kind": TITLES[one.kind],
                "shade": COLOURS[one.kind],
                "text": one.text,
                "author": one.author,
            }
        )
    return pd.DataFrame(rows)
