"""Admin: tokens for the API. A token is shown once; only its hash is kept."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from core.accounts import administration, tokens, users
from core.accounts.users import User
from core.exceptions import RelayAnalyticsError
from core.permissions import SCOPES
from dashboard.components import card
from dashboard.places import database, now

_NEW = "_new_token"


def show(user: User) -> None:
    """The section. `user` is who administers."""
    at = now()
    known = tokens.listing(database())
    fresh = st.session_state.pop(_NEW, None)
    if fresh:
        with card("The new token", "shown this once: copy it now", key="new-token", fill=False):
            st.code(fresh, language=None)
    with card("Tokens", "for scripts, Grafana and billing systems", key="tokens", fill=False):
        st.dataframe(
            [
                {
                    "id": one.token_id,
                    "user": one.username,
                    "label": one.label,
                    "scopes": ", ".join(one.scopes),
                    "state": one.state(at),
                    "created": one.created_at,
                    "expires": one.expires_at,
                    "last used": one.last_used_at,
                }
                for one in known
            ],
            hide_index=True,
            row_height=32,
            height="content",
            key="ad-tokens",
            alt="Tokens",
            placeholder="–",
        )
    left, right = st.columns(2, gap="small")
    with left, card("Create a token", "it has the rights of its user, and of those only its scopes", key="add-token"):
        _create(user)
    with right, card("Revoke a token", "it ends at once", key="revoke-token"):
        valid = {f"{one.token_id} · {one.username} · {one.label}": one for one in known if one.state(at) == "valid"}
        chosen = st.selectbox("Token", list(valid), None, key="ad-token", placeholder="Choose one")
        if st.button("Revoke", key="ad-revoke", disabled=chosen is None, icon=":material/block:") and chosen:
            actor = administration.administrator(user)
            try:
                administration.revoke_token(database(), actor, valid[chosen].token_id, now())
            except RelayAnalyticsError as error:
                st.error(str(error), icon=":material/error:")
            else:
                st.rerun()


def _create(user: User) -> None:
    with st.form("add-token", border=False):
        name = st.selectbox("User", [one.username for one in users.listing(database()) if one.active])
        label = st.text_input("Label", placeholder="What it is for")
        scopes = st.multiselect("Scopes", SCOPES, list(tokens.DEFAULT_SCOPES))
        days = st.number_input("Days until it expires; 0: never", 0, 3650, 90)
        if not st.form_submit_button("Create", type="primary"):
            return
    try:
        st.session_state[_NEW] = administration.create_token(
            database(),
            administration.administrator(user),
            name,
            now(),
            label=label,
            scopes=tuple(scopes),
            lifetime=timedelta(days=days) if days else None,
        )
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.rerun()
