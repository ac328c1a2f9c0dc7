"""Tables on pages: number formats by the unit of each column, as its report declares it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.formats import MISSING
from core.reports.declaration import Report

ROW_HEIGHT = 32
MOST_HEIGHT = 460
MINIMUM = 84
PARTS = ("share", "error_rate", "change", "growth", "retained")
"""Columns that are parts of a whole, 0 to 1."""


def table(
    report: Report,
    name: str,
    rows: pd.DataFrame,
    columns: Sequence[str],
    key: str,
    *,
    labels: dict[str, str] | None = None,
    bar: str | None = None,
    picked: Callable[[Any], None] | None = None,
    words: str = "",
) -> None:
    """Columns of a report's table. `bar`: the column drawn as a bar; `picked`: called with the row that was clicked."""
    units = {column.name: column.unit for one in report.tables if one.name == name for column in one.columns}
    shown = rows[list(columns)]
    config = {
        column: _column(column, units.get(column), (labels or {}).get(column), shown[column], bar == column)
        for column in columns
    }
    common: dict[str, Any] = {
        "hide_index": True,
        "row_height": ROW_HEIGHT,
        "height": min(MOST_HEIGHT, max(MINIMUM, ROW_HEIGHT * (len(shown) + 1) + 3)),
        "column_config": config,
        "key": key,
        "placeholder": MISSING,
        "alt": words or None,
    }
    if picked is None:
        st.dataframe(shown, **common)
        return

    def chosen() -> None:
        state: Any = st.session_state[key]
        if state["selection"]["rows"]:
            picked(rows.iloc[state["selection"]["rows"][0]])

    st.dataframe(shown, on_select=chosen, selection_mode="single-row", **common)


def _column(name: str, unit: str | None, label: str | None, values: pd.Series, as_bar: bool) -> Any:
    title = label or name.removesuffix("_ms").removesuffix("_id").replace("_", " ").capitalize()
    kinds = st.column_config
    if as_bar:
        most = float(values.max()) if len(values) else 1.0
        form = "bytes" if unit == "bytes" else "percent" if name in PARTS else "compact"
        return kinds.ProgressColumn(title, format=form, min_value=0, max_value=most or 1.0, color="primary", width=120)
    if name == "client_id":
        return kinds.TextColumn(title, width=150)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        days = bool((values == values.dt.normalize()).all())
        if days:
            return kinds.DatetimeColumn(title, format="YYYY-MM-DD", width=95)
        return kinds.DatetimeColumn(title, format="YYYY-MM-DD HH:mm", width=130)
    if name == "shape":
        return kinds.TextColumn(title, width=330)
    if name in PARTS:
        return kinds.NumberColumn(title, format="percent", width=70)
    if unit == "bytes":
        return kinds.NumberColumn(title, format="bytes", width=80)
    if unit == "ms":
        return kinds.NumberColumn(f"{title}, ms", format="%.1f")
    if pd.api.types.is_integer_dtype(values.dtype):
        return kinds.NumberColumn(title, format="localized")
    if pd.api.types.is_float_dtype(values.dtype):
        return kinds.NumberColumn(title, format="%.1f")
    return kinds.TextColumn(title)
