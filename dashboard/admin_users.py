"""Admin: users and their roles. Each change acts at once, in every tab, and is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import streamlit as st

from core.accounts import administration, users
from core.accounts.users import Role, User
from core.exceptions import RelayAnalyticsError
from dashboard.components import card
from dashboard.places import database, now

ROLES = {
    "admin": "everything",
    "analyst": "all reports and downloads",
    "business": "reports, bills, downloads without metadata",
    "client": "one client's own numbers",
}


def show(user: User) -> None:
    """The section. `user` is who administers."""
    everyone = users.listing(database())
    with card("Users", "who may sign in", key="users", fill=False):
        st.dataframe(
            [
                {
                    "user": one.username,
                    "name": one.name,
                    "role": one.role,
                    "client": one.client_id,
                    "active": one.active,
                }
                for one in everyone
            ],
            hide_index=True,
            row_height=32,
            height="content",
            key="ad-users",
            alt="Users",
            placeholder="–",
        )
    left, right = st.columns(2, gap="small")
    with left, card("Add a user", "", key="add-user"):
        _add(user)
    with right, card("Change a user", "", key="change-user"):
        _change(user, [one.username for one in everyone])


def _add(user: User) -> None:
    with st.form("add-user", border=False, clear_on_submit=False):
        name = st.text_input("Username")
        password = st.text_input("Password", type="password", autocomplete="new-password")
        role = st.selectbox("Role", list(ROLES), 1, format_func=lambda role: f"{role}: {ROLES[role]}")
        client = st.text_input("Client", placeholder="For the role client: its client_id")
        sent = st.form_submit_button("Add", type="primary")
    if sent:
        attempt(
            f"{users.normal(name)} can sign in now.",
            lambda: administration.add_user(
                database(),
                administration.administrator(user),
                name,
                password,
                now(),
                cast("Role", role),
                client.strip() or None,
            ),
        )


def _change(user: User, names: list[str]) -> None:
    name = st.selectbox("User", names, key="ad-user")
    actor = administration.administrator(user)
    kept = users.get(database(), name)
    if kept is None:
        return
    with st.form("change-role", border=False):
        role = st.selectbox("Role", list(ROLES), list(ROLES).index(kept.role))
        client = st.text_input("Client", kept.client_id or "", placeholder="For the role client: its client_id")
        if st.form_submit_button("Set role"):
            attempt(
                f"{name} is {role} now.",
                lambda: administration.set_role(
                    database(), actor, name, cast("Role", role), client.strip() or None, now()
                ),
            )
    with st.form("change-password", border=False, clear_on_submit=True):
        password = st.text_input("New password", type="password", autocomplete="new-password")
        if st.form_submit_button("Set password"):
            attempt(
                f"{name} has a new password; its sessions have ended.",
                lambda: administration.set_password(database(), actor, name, password, now()),
            )
    if name == user.username:
        st.caption("You cannot lock or remove yourself.")
        return
    with st.container(horizontal=True, gap="small"):
        if st.button("Unlock" if not kept.active else "Lock", key="ad-lock", icon=":material/lock:"):
            attempt(
                f"{name} is {'locked' if kept.active else 'active'} now.",
                lambda: administration.set_active(database(), actor, name, not kept.active, now()),
            )
        with st.popover("Remove", icon=":material/delete:"):
            st.markdown(f"{name}, with its sessions and tokens.")
            if st.button("Remove for good", type="primary", key="ad-remove"):
                attempt(f"{name} is gone.", lambda: administration.remove_user(database(), actor, name, now()))


def attempt(done: str, action: Callable[[], object]) -> None:
    """Do it and say so, or say why not."""
    try:
        action()
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.toast(done, icon=":material/check:")
    st.rerun()
