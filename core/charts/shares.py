"""Charts of parts of a whole: a ring, ranked bars, and a grid of hours by weekday."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from core.charts.parts import finish
from core.charts.theme import EVENT_TYPES, VIOLET
from core.formats import COUNT_AXIS, count
from core.kinds import label

PICK = "pick"
"""Name of the selection of what was clicked."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def ring(
    rows: pd.DataFrame, domain: Sequence[str] = EVENT_TYPES, height: int = 186, unit: str = "events"
) -> alt.LayerChart:
    """A ring of `name` and `value`, its total in the middle. A click picks `name`; `domain` orders and colours."""
    shown = rows.assign(rank=rows["name"].map({name: rank for rank, name in enumerate(domain)}))
    shown["share"] = shown["value"] / max(shown["value"].sum(), 1)
    pick = alt.selection_point(name=PICK, fields=["name"])
    base = alt.Chart(shown)
    arcs = (
        base.mark_arc(innerRadius=58, outerRadius=82, cursor="pointer")
        .encode(
            theta=alt.Theta("value:Q", stack=True),
            order=alt.Order("rank:Q"),
            color=alt.Color("name:N", sort=list(domain), scale=alt.Scale(domain=list(domain)), legend=None),
            opacity=alt.condition(pick, alt.value(1), alt.value(0.3)),
            tooltip=[
                alt.Tooltip("name:N", title="Type"),
                alt.Tooltip("value:Q", title=unit.capitalize(), format=","),
                alt.Tooltip("share:Q", title="Share", format=".1%"),
            ],
        )
        .add_params(pick)
    )
    middle = alt.Chart(pd.DataFrame([{}]))
    number = middle.mark_text(fontSize=21, fontWeight=600, dy=-5).encode(text=alt.value(count(shown["value"].sum())))
    word = middle.mark_text(fontSize=11, dy=14).encode(text=alt.value(unit))
    chart: alt.LayerChart = finish(arcs + number + word, height)  # type: ignore[assignment]
    return chart


def ranked(rows: pd.DataFrame, title: str, labels: str = COUNT_AXIS, height: int | None = None) -> alt.Chart:
    """Horizontal bars of `name` and `value`, the largest on top. A click picks `key`. `title`: what a bar is."""
    pick = alt.selection_point(name=PICK, fields=["key"])
    order = list(rows["name"])
    base = alt.Chart(rows).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=170, grid=False)),
        tooltip=[
            alt.Tooltip("name:N", title=title),
            alt.Tooltip("tip:N", title="Value"),
            alt.Tooltip("share:Q", title="Share", format=".1%"),
        ],
    )
    bars = (
        base.mark_bar(color=VIOLET, cornerRadiusEnd=3, height={"band": 0.62}, cursor="pointer")
        .encode(
            x=alt.X("value:Q", title=None, axis=alt.Axis(labelExpr=labels, grid=True, tickCount=4)),
            opacity=alt.condition(pick, alt.value(1), alt.value(0.35)),
        )
        .add_params(pick)
    )
    chart: alt.Chart = finish(bars, height or max(28 * len(rows) + 24, 80))  # type: ignore[assignment]
    return chart


def kinds(rows: pd.DataFrame, most: int) -> alt.Chart:
    """Ranked bars of the first `most` rows of a table `kinds`; a click picks the kind."""
    named = [None if pd.isna(kind) else int(kind) for kind in rows["kind"]]
    bars = pd.DataFrame(
        {
            "key": named,
            "name": [label(kind) for kind in named],
            "value": rows["events"],
            "tip": rows["events"].map(count),
            "share": rows["events"] / max(rows["events"].sum(), 1),
        }
    )
    return ranked(bars.head(most), "Kind")


def pattern(rows: pd.DataFrame, height: int = 300, unit: str = "Events") -> alt.Chart:
    """A grid of weekday (1 is Monday) × hour (0 to 23) coloured by `value`, the mean per hour."""
    named = rows.assign(day=[WEEKDAYS[int(day) - 1] for day in rows["weekday"]])
    hours = "datum.value % 3 == 0 ? (datum.value < 10 ? '0' : '') + datum.value + ':00' : ''"
    across = alt.Axis(labelAngle=0, labelExpr=hours, labelOverlap=False)
    chart: alt.Chart = (
        alt.Chart(named)
        .mark_rect(cornerRadius=3)
        .encode(
            x=alt.X("hour:O", title=None, axis=across, scale=alt.Scale(paddingInner=0.08)),
            y=alt.Y("day:O", sort=list(WEEKDAYS), title=None, scale=alt.Scale(paddingInner=0.12)),
            color=alt.Color("value:Q", legend=None),
            tooltip=[
                alt.Tooltip("day:O", title="Day"),
                alt.Tooltip("hour:O", title="Hour"),
                alt.Tooltip("value:Q", title=f"{unit}, mean", format=",.1f"),
            ],
        )
    )
    finished: alt.Chart = finish(chart, height)  # type: ignore[assignment]
    return finished


def by_hour_and_weekday(timeline: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Mean of an hourly timeline per weekday and hour: weekday, hour, value."""
    times = timeline["timestamp"].dt
    grouped = timeline.groupby([times.isocalendar().day.rename("weekday"), times.hour.rename("hour")])[measure].mean()
    return grouped.rename("value").reset_index()
