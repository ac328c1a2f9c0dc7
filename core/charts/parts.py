"""What charts share: axes, the crosshair, padding, and specs that are built once and fed with rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import pandas as pd

from core.charts.theme import VIOLET

Data = pd.DataFrame | alt.NamedData
CLOCK = "%H:%M:%S"
ZOOM = "zoom"
ROWS, OVER = "rows", "over"


def time_x(label: str) -> alt.X:
    """The time axis. Rows carry wall-clock time of the reporting zone without a zone, so the scale is UTC."""
    x: alt.X = alt.X("timestamp:T", title=None, axis=alt.Axis(format=label), scale=alt.Scale(type="utc"))
    return x


def value_y(field: str, labels: str, ticks: Sequence[float] | None = None, whole: bool = False, **kwargs: Any) -> alt.Y:
    """A value axis whose labels are the Vega expression `labels`. `whole`: no ticks between whole numbers."""
    options: dict[str, Any] = ({"values": ticks} if ticks else {}) | ({"tickMinStep": 1} if whole else {})
    axis = alt.Axis(labelExpr=labels, **options)
    return alt.Y(field, title=None, axis=axis, **kwargs)


def crosshair(base: alt.Chart, tooltip: Sequence[alt.Tooltip]) -> alt.Chart:
    """A vertical rule that snaps to the nearest time and shows one tooltip for every series."""
    hover = alt.selection_point(
        name="hover", fields=["timestamp"], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    rule: alt.Chart = (
        base.mark_rule(strokeWidth=1)
        .encode(
            x="timestamp:T",
            opacity=alt.condition(hover, alt.value(0.8), alt.value(0)),
            tooltip=[alt.Tooltip("clock:N", title="Time"), *tooltip],
        )
        .add_params(hover)
    )
    return rule


def fade(colour: str, strength: float) -> alt.Gradient:
    """An area that fades downwards."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    stops = [(0, 0.03), (1, strength)]
    gradient: alt.Gradient = alt.Gradient(  # type: ignore[no-untyped-call]
        gradient="linear",
        x1=1,
        x2=1,
        y1=1,
        y2=0,
        stops=[alt.GradientStop(color=f"rgba({red},{green},{blue},{alpha})", offset=at) for at, alpha in stops],
    )
    return gradient


def finish(chart: alt.Chart | alt.LayerChart, height: int) -> alt.Chart | alt.LayerChart:
    """Height and padding; without padding in the spec Streamlit adds 20 px below each chart."""
    finished: alt.Chart | alt.LayerChart = chart.properties(
        height=height, padding={"left": 0, "top": 6, "right": 4, "bottom": 4}
    )
    return finished


def spec(build: Callable[..., alt.Chart | alt.LayerChart], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The Vega-Lite spec of a chart without its rows.

    Building and checking a chart takes 35-70 ms, serialising it 20 more: a live page does both once and then sends
    rows only.
    """
    built: dict[str, Any] = build(alt.NamedData(ROWS), *args, **kwargs).to_dict()
    built.pop("data", None)
    built.pop("datasets", None)
    return built


def spec_with(
    build: Callable[..., alt.Chart | alt.LayerChart],
    over: Callable[[alt.Chart | alt.LayerChart, alt.NamedData], alt.Chart | alt.LayerChart],
    **kwargs: Any,
) -> dict[str, Any]:
    """The same of a chart with something drawn over it: of two sets of rows, named ROWS and OVER."""
    built: dict[str, Any] = over(build(alt.NamedData(ROWS), **kwargs), alt.NamedData(OVER)).to_dict()
    return built


def wall_clock(frame: pd.DataFrame, label: str = CLOCK) -> pd.DataFrame:
    """`frame` with its zone-aware `timestamp` as wall-clock time of that zone, as `time_x` expects.

    `clock` is the same as text, written as `label`, for tooltips: Vega would format those in the browser's zone.
    """
    local = frame["timestamp"].dt.tz_localize(None)
    return frame.assign(timestamp=local, clock=local.dt.strftime(label))


def zoomable(chart: alt.Chart | alt.LayerChart) -> alt.Chart | alt.LayerChart:
    """The chart with a selection named ZOOM of a span of its time axis, by dragging."""
    span = alt.selection_interval(
        name=ZOOM,
        encodings=["x"],
        mark=alt.BrushConfig(fill=VIOLET, fillOpacity=0.1, stroke=VIOLET, strokeOpacity=0.5),
    )
    if isinstance(chart, alt.LayerChart):  # on one layer: on all of them a page would hear of it several times
        layered: alt.LayerChart = chart.copy()
        layered.layer[0] = layered.layer[0].add_params(span)
        return layered
    single: alt.Chart = chart.add_params(span)
    return single
