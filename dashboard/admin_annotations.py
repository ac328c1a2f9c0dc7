"""Admin: annotations of charts, added by people and by themselves."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core import annotations as noted
from core.accounts.users import User
from core.annotations import Annotation
from core.charts.happened import TITLES
from core.exceptions import RelayAnalyticsError
from core.settings import get_settings
from dashboard import happened
from dashboard.auth import acting
from dashboard.components import card
from dashboard.places import database, now

SHOWN = timedelta(days=90)
AHEAD = timedelta(days=365)


def show(user: User) -> None:
    """The section."""
    zone = get_settings().zone
    found = noted.listing(database(), now() - SHOWN, now() + AHEAD)[::-1]
    with card("Annotations", f"of the last {SHOWN.days} days, the newest first", key="annotations", fill=False):
        if found:
            _table(found, zone)
        else:
            st.caption("Nothing was annotated yet. Restarts annotate themselves.")
    left, right = st.columns(2, gap="small")
    with left, card("Annotate", "drawn on every chart over time", key="annotate", fill=False):
        happened.form(user, zone, "ad-annotate")
    if found:
        with right, card("Remove", "one that was found by itself is not found again", key="unannotate", fill=False):
            _remove(user, found, zone)


def _table(found: list[Annotation], zone: ZoneInfo) -> None:
    st.dataframe(
        [
            {
                "at": one.at.astimezone(zone),
                "until": one.until.astimezone(zone) if one.until else None,
                "kind": TITLES[one.kind],
                "text": one.text,
                "by": one.author,
            }
            for one in found
        ],
        hide_index=True,
        row_height=32,
        height=420 if len(found) > 10 else "content",
        key="ad-annotations",
        alt="Annotations",
    )


def _remove(user: User, found: list[Annotation], zone: ZoneInfo) -> None:
    names = {one.annotation_id: f"{one.at.astimezone(zone):%Y-%m-%d %H:%M} · {one.text}" for one in found}
    chosen = st.selectbox(
        "Annotation",
        list(names),
        None,
        key="ad-annotation",
        format_func=lambda number: names.get(number, ""),
        placeholder="Choose one",
    )
    if not st.button("Remove", key="ad-unannotate", disabled=chosen is None, icon=":material/delete:"):
        return
    try:
        noted.remove(database(), acting(user, "manage", "annotations"), chosen or 0, now())
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.rerun()
