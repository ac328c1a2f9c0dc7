"""The card of query shapes: which queries take the relay's time."""

from __future__ import annotations

import streamlit as st

from core import reports
from core.accounts.users import User
from core.reports.declaration import Result
from core.reports.shapes import EVENT_TYPES
from dashboard import exports
from dashboard.components import card
from dashboard.data import load
from dashboard.filters import Filters
from dashboard.tables import table

COLUMNS = ("share", "shape", "event_type", "messages", "p50_ms", "p95_ms", "unanswered", "events_out")
LABELS = {
    "share": "Time", "event_type": "Type", "p50_ms": "P50", "p95_ms": "P95", "events_out": "Events delivered",
}  # fmt: skip


def query_shapes(user: User, filters: Filters) -> None:
    """Nothing for filters that shapes are not kept by."""
    if filters.kind is not None or filters.client is not None or filters.event_type not in (None, *EVENT_TYPES):
        return
    result = load(user, reports.shapes, filters)
    arguments = filters.arguments(reports.shapes, result.meta.generated_at)
    [whole] = result["summary"].to_dict("records")
    with card(
        "Slowest query shapes",
        f"by their part of the time that all answers took; percentiles within {result.meta.error_bound or 0:.0%}",
        key="shapes",
        downloads=exports.links(reports.shapes, "shapes", arguments),
        fill=False,
    ):
        if not whole["messages"]:
            st.caption("No REQ or COUNT came in this range: choose a wider one, or take a filter off.")
        elif not whole["counted"]:
            st.caption(
                f"{whole['messages']:,} REQ and COUNT messages are not counted by shape yet. An hour is, within "
                "minutes of its end, by the job “shapes”: if nothing comes, “relay-analytics jobs” says how it went."
            )
        else:
            _rows(result)


def _rows(result: Result) -> None:
    table(
        reports.shapes,
        "shapes",
        result.frame,
        COLUMNS,
        "pf-shapes",
        labels=LABELS,
        bar="share",
        words="Query shapes by the time that they take",
    )
    said = [warning for warning in result.meta.warnings if "shape" in warning]
    how = "“kinds×1 authors×≤50” asks for one kind of 11 to 50 authors; “|” stands between filters."
    st.caption(" ".join([how, *said]))
