"""The data of the realtime page: read at most twice a second for all viewers, and kept on screen while away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from core.charts.live import fold
from core.charts.parts import wall_clock
from core.exceptions import DatabaseUnavailableError
from core.reports import realtime
from core.reports.declaration import Meta
from core.settings import get_settings
from dashboard.places import database

TICK = timedelta(seconds=0.5)
"""Viewers whose ticks fall into the same half second share one reading."""
_LAST = "_realtime_last_view"


@dataclass(frozen=True)
class View:
    """The realtime report, ready to draw: times as wall-clock time of the zone, event types folded to categories."""

    window: int
    at: datetime
    meta: Meta
    summary: dict[str, float]
    event_types: pd.DataFrame
    timeline: pd.DataFrame
    connections: pd.DataFrame
    latency: pd.DataFrame
    latest_errors: pd.DataFrame

    @property
    def lag(self) -> timedelta | None:
        """How far behind the data is; None when there never was any."""
        return None if self.meta.complete_up_to is None else self.at - self.meta.complete_up_to


def tick(instant: datetime) -> datetime:
    """`instant` rounded down to a half second."""
    return datetime.fromtimestamp(instant.timestamp() // TICK.total_seconds() * TICK.total_seconds(), instant.tzinfo)


def view(scope: str, window: int, at: datetime) -> tuple[View, bool]:
    """The report for viewers of `scope`, and whether the database answered.

    While it does not, the last view of this browser tab; raises DatabaseUnavailableError when there is none.
    """
    try:
        current = _read(scope, window, tick(at))
    except DatabaseUnavailableError:
        last: View | None = st.session_state.get(_LAST)
        if last is None:
            raise
        return last, False
    st.session_state[_LAST] = current
    return current, True


# Not cache_data: to unpickle a copy for each viewer takes longer than all else that a refresh reads. Nobody changes it.
@st.cache_resource(ttl=5, max_entries=16, show_spinner=False)
def _read(scope: str, window: int, at: datetime) -> View:
    """`scope` and `at` are the cache's key: nobody gets what another role may see, or an older half second."""
    result = realtime(database(), now=at, window=window, time_zone=get_settings().time_zone)
    shares = fold(result["event_types"], [], ["events", "share", "bytes"])
    return View(
        window=window,
        at=at,
        meta=result.meta,
        summary={
            str(name): float("nan") if pd.isna(value) else float(value)
            for name, value in result["summary"].iloc[0].items()
        },
        event_types=shares,
        timeline=wall_clock(fold(result["timeline"], ["timestamp"], ["events_per_second"])),
        connections=wall_clock(result["connections"]),
        latency=wall_clock(result["latency"]),
        latest_errors=result["latest_errors"],
    )
