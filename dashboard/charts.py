"""Charts on pages: drawn by `core.charts`, with what a page adds: a drag zooms it, a click filters it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import altair as alt
import streamlit as st
from altair.utils import schemapi

from core.charts.parts import ZOOM, zoomable
from core.charts.shares import PICK
from dashboard import filter_bar

Chart = alt.Chart | alt.LayerChart

# Altair checks every channel against the JSON schema, half of what a chart costs; the tests check the same charts.
schemapi.DEBUG_MODE = False


def without_legend(chart: Chart) -> Chart:
    """The chart, for a card that has an HTML legend: Vega's does not wrap on a narrow screen."""
    for layer in chart.layer if isinstance(chart, alt.LayerChart) else [chart]:
        colour = getattr(layer.encoding, "color", alt.Undefined)
        if isinstance(colour, alt.Color):
            layer.encoding.color = colour.legend(None)
    return chart


def over_time(chart: Chart, key: str, words: str, *, zoom: bool = True) -> None:
    """A chart with a time axis. `words` describe it to those who cannot see it."""
    chart = without_legend(chart)
    if not zoom:
        st.altair_chart(chart, key=key, alt=words)
        return
    # With a new range comes a new chart: the old one would keep the span that was dragged over it.
    key = f"{key}-{st.session_state.get('range')}-{st.session_state.get('from')}-{st.session_state.get('to')}"
    st.altair_chart(zoomable(chart), key=key, on_select=lambda: _zoomed(key), selection_mode=ZOOM, alt=words)


def picking(chart: Chart, key: str, words: str, field: str, picked: Callable[[Any], None]) -> None:
    """A chart whose marks can be clicked: `picked` is called with the `field` of the one that was."""

    def chosen() -> None:
        found = (_selection(key).get(PICK) or [{}])[0].get(field)
        if found is not None:
            picked(found)

    st.altair_chart(chart, key=key, on_select=chosen, selection_mode=PICK, alt=words)


def _zoomed(key: str) -> None:
    span = (_selection(key).get(ZOOM) or {}).get("timestamp")
    if span and span[0] != span[1]:
        # charts carry the wall clock of the zone, so what comes back is wall clock too
        first, last = (datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=None) for value in sorted(span))
        filter_bar.zoom(first, last)


def _selection(key: str) -> dict[str, Any]:
    state: Any = st.session_state.get(key) or {}
    found: dict[str, Any] = state.get("selection") or {}
    return found
