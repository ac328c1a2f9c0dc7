"""The one Altair theme, and which colour belongs to which event type.

Scales fix their *domain*, never the colours: on a page those come from `chartCategoricalColors` of
`.streamlit/config.toml`, so that switching between light and dark recolours a chart without a rerun.
"""

from __future__ import annotations

from typing import Any

import altair as alt

NEUTRAL = "#727C8B"
"""Readable on both backgrounds: axis labels, rules, the previous period."""

LIGHT = ("#6D4AFF", "#0E9F8E", "#D97706", "#E0457B", "#2F7FE6", "#7A8699")
DARK = ("#9B84FF", "#2BB6A8", "#F0A93B", "#F2709C", "#5AA2F7", "#8C96A6")
"""The categorical colours of config.toml, for the HTML legends."""

VIOLET, TEAL, ORANGE, BLUE = "#7C5CFF", "#17A697", "#DE8A1E", "#3B88EC"
"""Colours of series without categories, chosen to read on both backgrounds."""

OTHER = "Other"
EVENT_TYPES = ("EVENT", "REQ", "CLOSE", "AUTH", "COUNT", OTHER)
"""The categories of event-type charts, in the order of their colours. Other verbs (NEG-*, unknown) are `Other`."""


def category(event_type: str) -> str:
    """The chart category of an event type."""
    return event_type if event_type in EVENT_TYPES else OTHER


@alt.theme.register("relay", enable=True)
def relay_theme() -> alt.theme.ThemeConfig:
    """Layout and type only; no series colours."""
    axis: Any = {
        "labelFontSize": 11,
        "labelColor": NEUTRAL,
        "titleColor": NEUTRAL,
        "titleFontSize": 11,
        "labelPadding": 8,
        "tickCount": 4,
        "labelFlush": False,
        "domain": False,
        "ticks": False,
        "gridOpacity": 0.6,
        "title": None,
    }
    return {
        "config": {
            "background": "transparent",
            "aria": False,  # a page describes the chart as a whole; roles without a name for every mark help nobody
            "view": {"stroke": "transparent"},
            "axis": axis,
            "axisX": {"grid": False, "tickCount": 6, "labelOverlap": "greedy"},
            "axisY": {"minExtent": 34},
            "line": {"strokeWidth": 1.75, "interpolate": "monotone", "strokeCap": "round"},
            "area": {"interpolate": "monotone", "line": False},
            "arc": {"cornerRadius": 3, "padAngle": 0.015},
            "rule": {"color": NEUTRAL},
            "text": {"fontSize": 11, "color": NEUTRAL},
        }
    }
