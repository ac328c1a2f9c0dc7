"""The row of key numbers above a history page: value, change against the period before, the shape of the range."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from core import formats
from core.reports.declaration import Result

NOTABLE = 0.10
"""A risk number that changed by less is not coloured."""
POINTS = 40
"""Points of a sparkline."""


@dataclass(frozen=True)
class Number:
    """One card. `change`: relative to the period before, None: nothing to compare with; `risk`: more of it is worse."""

    label: str
    value: str
    change: float | None = None
    against: str = ""
    trend: Sequence[float] = ()
    risk: bool = False
    help: str | None = None


def row(key: str, numbers: Iterable[Number]) -> None:
    """The cards, as many beside each other as fit."""
    shown = list(numbers)
    with st.container(key=f"kpis-{key}"), st.grid(len(shown), min_column_width=150, gap=12):
        for number in shown:
            _card(number)


def _card(number: Number) -> None:
    moved = formats.relative(number.change)
    notable = number.change is not None and abs(number.change) > NOTABLE
    shade: Literal["inverse", "off", "violet"] = ("inverse" if notable else "off") if number.risk else "violet"
    points = thinned(number.trend)
    st.metric(
        number.label,
        number.value,
        moved,
        delta_color=shade,
        delta_arrow="off" if moved == formats.UNCHANGED else "auto",
        delta_description=number.against if moved else None,
        border=True,
        height="stretch",
        help=number.help,
        chart_type="area",
        chart_data=points if len(points) > 1 else None,
    )


def thinned(trend: Sequence[float]) -> list[float]:
    """At most POINTS means of neighbours; what is missing is left out."""
    values = np.asarray(trend, dtype="float64")
    values = values[~np.isnan(values)]
    return [float(part.mean()) for part in np.array_split(values, min(POINTS, len(values)))] if len(values) else []


def compared(result: Result, measure: str) -> tuple[float | None, float | None]:
    """Total of the elapsed part of the range and its relative change, of the table `comparison`; None: not compared."""
    table = result["comparison"]
    found = table[table["measure"] == measure]
    if found.empty:
        return None, None
    change = found["change"].iloc[0]
    return float(found["current"].iloc[0]), None if pd.isna(change) else float(change)


def counted(
    result: Result, measure: str, label: str, show: Callable[[float | None], str] = formats.count, *,
    against: str = "", risk: bool = False, help: str | None = None,
) -> Number:  # fmt: skip
    """The card of a measure of the timeline: its total over the whole range."""
    trend = result["timeline"][measure]
    running = result.meta.end > result.meta.generated_at and len(trend) > 2
    shape = trend.iloc[:-1] if running else trend  # a bucket that has just begun is no fall
    change = compared(result, measure)[1] if "comparison" in result.tables else None
    return Number(label, show(float(trend.sum())), change, against, shape.tolist(), risk, help)
