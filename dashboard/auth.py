"""Who is looking: the session cookie, the guard of every page, signing out.

Streamlit runs a file of `pages/` directly until `st.navigation` has been called once in the process, so a page cannot
rely on Home.py having checked anything: `require` is the first statement of each.
"""

from __future__ import annotations

import json
from typing import NoReturn

import streamlit as st

from core import permissions
from core.accounts import sessions, tickets
from core.accounts.users import User
from core.audit import Actor
from core.exceptions import DatabaseUnavailableError
from core.permissions import Action, Resource
from dashboard import nav
from dashboard.places import BASE, COOKIE, database, now

_ROUTED = "_routed_by_home"
_LAST_USER = "_last_known_user"
WATCH_EVERY = 3.0
"""Seconds after which a page that does not refresh by itself notices that its session has ended."""


def cookie() -> str | None:
    """The session token the browser sent: the one seam that page tests replace."""
    return st.context.cookies.get(COOKIE)


def current_user() -> User | None:
    """The signed-in user, read from the database each time: a session that was ended, ends at the next run.

    While the database is away, the user this browser tab had before (it sees nothing new in that time); raises
    DatabaseUnavailableError when there was none.
    """
    try:
        user = sessions.user_of(database(), cookie(), now())
    except DatabaseUnavailableError:
        known: User | None = st.session_state.get(_LAST_USER)
        if known is None:
            raise
        return known
    st.session_state[_LAST_USER] = user
    return user


def mark_routed() -> None:
    """Home.py tells the page it is about to run that the navigation and the login gate have run before it."""
    st.session_state[_ROUTED] = True


def require(*roles: str, watched: bool = True) -> User:
    """The first statement of every page: the signed-in user, who holds one of `roles`. Else the script stops here.

    `watched`: whether the page ends soon after the session has; a page that refreshes itself checks that by itself.
    """
    if not st.session_state.pop(_ROUTED, False):
        # Started by Streamlit's discovery of pages/, past Home.py. Registering the pages turns discovery off for good.
        st.navigation(nav.pages(None), position="hidden")
        st.rerun()
    user = current_user()
    if user is None:
        st.stop()
    if user.role not in roles:
        st.error("Your role does not include this page.", icon=":material/lock:", title="No access")
        st.stop()
    if watched:
        watch(user)
    return user


def recheck(user: User) -> None:
    """For fragments, whose reruns skip the top of the page: start over when the session or the role has changed."""
    if current_user() != user:
        st.rerun()


@st.fragment(run_every=WATCH_EVERY)
def watch(user: User) -> None:
    """Ends the page in every tab soon after the session has ended, whether the page refreshes itself or not."""
    recheck(user)


def go(path: str) -> NoReturn:
    """Send the browser to a path of this server; the script stops."""
    st.html(f"<script>window.location.replace({json.dumps(path)})</script>", unsafe_allow_javascript=True)
    st.stop()


def account_menu(user: User) -> None:
    """Name, role and sign-out at the foot of the sidebar."""
    with st.sidebar, st.container(key="account", gap="xsmall"):
        st.caption(f":material/person: {user.name} · {user.role}")
        if st.button("Sign out", icon=":material/logout:", type="tertiary", key="sign-out"):
            hashed = sessions.token_hash(cookie() or "").hex()
            go(f"{BASE}/auth/end?ticket={tickets.issue(database(), 'sign-out', hashed, now())}")


def acting(user: User, action: Action, resource: Resource) -> Actor:
    """`user` as someone who does this on a page. Raises NotAllowedError."""
    permissions.require(user, action, resource)
    return Actor(user.username, "page")
