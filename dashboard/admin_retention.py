"""Admin: what is kept how long, what would go now, and clients whose raw rows have to stay."""

from __future__ import annotations

from datetime import UTC, datetime, time

import streamlit as st

from core import formats
from core.accounts.users import User
from core.exceptions import RelayAnalyticsError
from core.retention import applying, holds, policies
from core.retention.policies import Policy
from core.settings import get_settings
from dashboard.auth import acting
from dashboard.components import card, quiet_line
from dashboard.places import database, now


def show(user: User) -> None:
    """The section."""
    known = policies.policies(database(), get_settings())
    left, right = st.columns([1.4, 1], gap="small")
    with left, card("Policies", "applied every hour; sums by the day stay for ever", key="policies"):
        st.dataframe(
            [
                {"policy": one.name, "what": one.what, "kept": _kept(one.days), "set by": one.changed_by or "default"}
                for one in known
            ],
            hide_index=True, row_height=32, height="content", key="ad-policies", alt="Policies",
            column_config={"what": st.column_config.TextColumn(width="large")},
        )  # fmt: skip
    with right, card("Change a policy", "it is on record who did", key="keep"):
        _change(user, known)
    with card("What would go now", "a dry run: it counts rows", key="plan", fill=False):
        if st.button("Count", key="ad-plan", icon=":material/search:"):
            _plan()
    left, right = st.columns([1.4, 1], gap="small")
    with left, card("Legal holds", "raw rows of these clients stay, however old", key="holds"):
        _holds()
    with right, card("Hold or release a client", "both are on record", key="hold"):
        _hold(user)


def _holds() -> None:
    held = holds.listing(database())
    if not held:
        st.caption("No client is held.")
        return
    st.dataframe(
        [
            {
                "client": one.client_id,
                "why": one.why,
                "until": one.until,
                "since": one.placed_at,
                "by": one.placed_by,
                "old rows": one.rows,
            }
            for one in held
        ],
        hide_index=True,
        row_height=32,
        height="content",
        key="ad-holds",
        alt="Legal holds",
    )


def _kept(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"


def _change(user: User, known: list[Policy]) -> None:
    with st.form("keep", border=False):
        name = st.selectbox("Policy", [one.name for one in known])
        days = st.number_input("Days; empty: for ever", min_value=1, max_value=36_500, value=None, step=1)
        with st.container(horizontal=True):
            changed = st.form_submit_button("Keep so long", type="primary")
            default = st.form_submit_button("Back to the default")
    if not (changed or default):
        return
    try:
        actor = acting(user, "manage", "retention")
        if default:
            policies.keep_default(database(), actor, name, now())
        else:
            policies.keep(database(), actor, name, days, now())
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.rerun()


def _plan() -> None:
    with st.spinner("Counting …"):
        parts = applying.plan(database(), get_settings(), now())
    if not parts:
        st.caption("Nothing is due to go.")
        return
    st.dataframe(
        [
            {
                "policy": part.policy, "table": part.table, "goes": part.part, "rows": part.rows, "size": part.bytes,
                "of held clients": part.held,
            }
            for part in parts
        ],
        hide_index=True, row_height=32, height="content", key="ad-parts", alt="What would go",
        column_config={"size": st.column_config.NumberColumn("Size", format="bytes")},
    )  # fmt: skip
    quiet_line(
        f"{formats.count(sum(part.rows for part in parts))} rows, {formats.size(sum(part.bytes for part in parts))}"
    )


def _hold(user: User) -> None:
    with st.form("hold", border=False):
        client = st.text_input("Client id", max_chars=200)
        why = st.text_input("Why", max_chars=holds.MOST_CHARACTERS, placeholder="court order 12/34")
        until = st.date_input("Until (UTC; empty: until released)", value=None)
        with st.container(horizontal=True):
            place = st.form_submit_button("Hold", type="primary")
            release = st.form_submit_button("Release")
    if not (place or release):
        return
    try:
        actor = acting(user, "manage", "retention")
        if release:
            holds.release(database(), actor, client.strip(), now())
        else:
            ends = datetime.combine(until, time(), UTC) if until else None
            holds.place(database(), actor, client.strip(), why, now(), ends)
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.rerun()
