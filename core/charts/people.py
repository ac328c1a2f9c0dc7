"""Charts of the user report: who is new, who comes back, who is lost, and how long they stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from core.charts.parts import crosshair, finish, value_y
from core.charts.series import MOST_BARS, Chart, clocked, noted, thinned, time_axis, until
from core.charts.theme import NEUTRAL, TEAL, VIOLET
from core.formats import COUNT_AXIS

if TYPE_CHECKING:
    from core.reports.declaration import Result

MEASURES = ("clients", "new", "returning", "lost")
MOST_COHORTS = 14
BRIGHT = 0.45
"""From this share on the text of a cell is white on its violet, below dark; chosen on the light scheme's ten steps."""

NARROW = "width < 420"
"""Where a cell has no room for `100%`."""


def users(result: Result, height: int = 300) -> Chart:
    """Clients over time: returning and new above the axis, those lost since the bucket before below it."""
    frame, merged = thinned(result["timeline"], dict.fromkeys(MEASURES, "max"))
    local = clocked(frame.astype(dict.fromkeys(MEASURES, "float64")), result.meta)
    local["zero"], local["gone"] = 0, -local["lost"]
    local["until"] = until(local, result.meta)
    base = alt.Chart(local)
    as_bars = len(local) <= MOST_BARS
    marks = base.mark_rect() if as_bars else base.mark_area(interpolate="monotone")
    spanned: Any = {"x2": "until:T"} if as_bars else {}
    layers = [
        marks.encode(
            x=time_axis(result.meta),
            y=value_y("zero:Q", COUNT_AXIS),
            y2="returning:Q",
            color=alt.value(VIOLET),
            **spanned,
        ),
        marks.encode(x="timestamp:T", y="returning:Q", y2="clients:Q", color=alt.value(TEAL), **spanned),
        marks.encode(
            x="timestamp:T", y="zero:Q", y2="gone:Q", color=alt.value(NEUTRAL), opacity=alt.value(0.4), **spanned
        ),
    ]
    tips = [alt.Tooltip(f"{name}:Q", title=name.capitalize(), format=",") for name in MEASURES]
    layers.append(crosshair(base, tips))
    chart: alt.LayerChart = alt.layer(*layers)  # type: ignore[assignment]
    return noted(chart, merged, result.meta, height, "the highest of each")


def retention(result: Result, height: int | None = None, dark: bool = False) -> Chart:
    """Share of each cohort's new clients that were active again, period by period; the newest cohorts.

    `dark`: which scheme's colours the text has to be read on.
    """
    rows = result["cohorts"]
    # a cohort of nobody has no share
    newest = sorted(rows.loc[rows["size"] > 0, "cohort"].unique())[-MOST_COHORTS:]
    rows = rows[rows["cohort"].isin(newest) & (rows["period"] < MOST_COHORTS)]
    local = rows.assign(
        name=rows["cohort"].dt.strftime("%d %b"),
        active=rows["active"].astype("float64"),
        size=rows["size"].astype("float64"),
    )[["name", "period", "size", "active", "share"]]
    names = [f"{moment:%d %b}" for moment in newest]
    base = alt.Chart(local).encode(
        x=alt.X("period:O", title=None, axis=alt.Axis(orient="top", labelAngle=0), scale=alt.Scale(paddingInner=0.06)),
        y=alt.Y("name:O", title=None, sort=names, scale=alt.Scale(paddingInner=0.1)),
    )
    cells = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color("share:Q", legend=None, scale=alt.Scale(domain=[0, 1])),
        tooltip=[
            alt.Tooltip("name:N", title="First seen"),
            alt.Tooltip("period:O", title="Periods later"),
            alt.Tooltip("share:Q", title="Active again", format=".0%"),
            alt.Tooltip("active:Q", title="Clients", format=","),
            alt.Tooltip("size:Q", title="Of", format=","),
        ],
    )
    bright = f"datum.share {'< 0.75' if dark else f'> {BRIGHT}'}"
    label = base.transform_calculate(label=f"{NARROW} ? format(datum.share * 100, '.0f') : format(datum.share, '.0%')")
    text = label.mark_text(fontSize=alt.ExprRef(f"{NARROW} ? 8 : 10")).encode(
        text="label:N",
        color=alt.condition(bright, alt.value("#FFFFFF"), alt.value("#1B1440")),
    )
    return finish(cells + text, height or 24 * max(len(newest), 1) + 40)
