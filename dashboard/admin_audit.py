"""Admin: the audit log, newest first."""

from __future__ import annotations

import json

import streamlit as st

from core import audit
from core.accounts.users import User
from core.permissions import require
from core.settings import get_settings
from dashboard.components import card, nothing_here
from dashboard.places import database

SHOWN = 200
ACTIONS = ("export", "token", "user", "billing")


def show(user: User) -> None:
    """The section. `user` is who looks."""
    require(user, "read", "audit")
    with st.container(key="audit-choice", horizontal=True, gap="small"):
        action = st.selectbox("Action", ACTIONS, None, key="action", bind="query-params", width=200, placeholder="All")
        actor = st.text_input("Who", key="actor", bind="query-params", width=220, placeholder="Everyone")
    found = audit.entries(database(), action=action, actor=actor.strip() or None, limit=SHOWN)
    zone = get_settings().zone
    with card("Audit log", f"the newest {SHOWN}, {zone.key}; all of it: GET /audit", key="audit", fill=False):
        if not found:
            nothing_here("Nothing was exported or administered yet", 90)
            return
        st.dataframe(
            [
                {
                    "when": one.at.astimezone(zone).replace(tzinfo=None),
                    "who": one.actor,
                    "how": one.via,
                    "what": one.action,
                    "details": json.dumps(one.details, ensure_ascii=False),
                    "request": one.request_id,
                }
                for one in found
            ],
            hide_index=True,
            row_height=32,
            height=520,
            key="ad-audit",
            alt="Audit log",
            placeholder="–",
            column_config={
                "when": st.column_config.DatetimeColumn("When", format="YYYY-MM-DD HH:mm:ss"),
                "who": "Who",
                "how": "How",
                "what": "What",
                "details": st.column_config.TextColumn("Details", width="large"),
                "request": "Request",
            },
        )
