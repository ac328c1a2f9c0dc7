"""Annotations on pages: over the charts, and a form to add one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core import annotations as noted
from core.accounts.users import User
from core.annotations import KINDS, MOST_CHARACTERS, Annotation
from core.charts.happened import TITLES, annotated, annotation_rows
from core.charts.series import Chart
from core.exceptions import DatabaseUnavailableError, RelayAnalyticsError
from core.permissions import decide
from core.reports.declaration import Meta
from dashboard.auth import acting
from dashboard.data import tick
from dashboard.places import database, now

EVERY = 4
"""Seconds within which live pages share a reading."""


def over(chart: Chart, user: User, meta: Meta) -> Chart:
    """The chart with what happened in its range, for those who may know; without, while the database is away."""
    if not decide(user, "read", "annotations").allowed:
        return chart
    try:
        found = _read(user.scope, meta.start, meta.end, tick(now()))
    except DatabaseUnavailableError:
        return chart
    return annotated(chart, found, meta)


def recent(user: User, meta: Meta) -> pd.DataFrame:
    """What happened in the range of a live page, as rows to draw; none while the database is away."""
    if not decide(user, "read", "annotations").allowed:
        return pd.DataFrame()
    try:
        found = _recent(user.scope, meta.end - meta.start, int(meta.end.timestamp()) // EVERY)
    except DatabaseUnavailableError:
        return pd.DataFrame()
    return annotation_rows(found, meta)


@st.cache_data(ttl=10, max_entries=8, show_spinner=False)
def _recent(scope: str, length: timedelta, tick: int) -> list[Annotation]:
    """For all viewers with `scope` together."""
    start = datetime.fromtimestamp(tick * EVERY, UTC)
    return noted.listing(database(), start - length, start + timedelta(seconds=EVERY))


@st.cache_data(ttl=120, max_entries=256, show_spinner=False)
def _read(scope: str, start: datetime, end: datetime, at: datetime) -> list[Annotation]:
    """`scope` and `at` are part of the cache's key: nobody gets what another role may see."""
    return noted.listing(database(), start, end)


def button(user: User, zone: ZoneInfo, key: str) -> None:
    """*Annotate*, for those who may: opens the form."""
    if decide(user, "manage", "annotations").allowed:
        with st.popover("Annotate", icon=":material/flag:", key=f"{key}-popover"):
            form(user, zone, key)


def form(user: User, zone: ZoneInfo, key: str) -> None:
    """What happened, when, and of which kind."""
    with st.form(key, border=False, clear_on_submit=True):
        text = st.text_input("What happened", placeholder="strfry 1.1 deployed", max_chars=MOST_CHARACTERS)
        kind = st.selectbox("Kind", KINDS, format_func=TITLES.__getitem__)
        local = now().astimezone(zone)
        day, clock = st.columns(2, gap="small")
        on = day.date_input("Day", local.date())
        at = clock.time_input(f"Time ({zone.key})", local.time().replace(second=0, microsecond=0), step=60)
        if not st.form_submit_button("Annotate", type="primary"):
            return
    try:
        moment = datetime.combine(on, at, zone).astimezone(UTC)
        noted.add(database(), acting(user, "manage", "annotations"), text, now(), at=moment, kind=kind)
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        _read.clear()
        st.rerun()
