"""The sign-in form, and the page shown while there is no database to check anyone against."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlencode, urlsplit

import streamlit as st
from streamlit_authenticator.utilities.hasher import Hasher

from core.accounts import tickets
from core.accounts.signin import sign_in
from core.exceptions import DatabaseUnavailableError, TooManyAttemptsError, WrongPasswordError
from core.settings import get_settings
from dashboard import auth
from dashboard.places import BASE, database, now


def form() -> None:
    """The sign-in form. After a good password the browser comes back to the page and view it asked for."""
    with st.container(key="login", horizontal_alignment="center"):
        with st.container(key="card-login", width=400):
            st.html('<div class="login-head"><h1>Sign in</h1><p>Traffic analytics for your relay</p></div>')
            with st.form("login", border=False):
                name = st.text_input("Username", autocomplete="username")
                password = st.text_input("Password", type="password", autocomplete="current-password")
                submitted = st.form_submit_button("Sign in", type="primary", width="stretch")
            message = st.empty()
        st.caption("Lost the password? `relay-analytics user password admin` sets another.", text_alignment="center")
    if not submitted:
        return
    try:
        user = sign_in(database(), name, password, visitor_address(), now(), check=Hasher.check_pw)
    except (WrongPasswordError, TooManyAttemptsError) as error:
        message.error(str(error), icon=":material/error:")
        return
    except DatabaseUnavailableError:
        message.warning("The database does not answer right now. Try again in a moment.")
        return
    ticket = tickets.issue(database(), "sign-in", user.username, now())
    auth.go(f"{BASE}/auth/start?ticket={ticket}&next={quote(wanted(), safe='')}")


def wanted() -> str:
    """Path and query of the page that was asked for (`st.context.url` has no query)."""
    query = urlencode([(key, value) for key in st.query_params for value in st.query_params.get_all(key)])
    path = urlsplit(st.context.url or "").path or f"{BASE}/"
    return f"{path}?{query}" if query else path


def visitor_address() -> str:
    """Where the visitor comes from: the last address that a trusted proxy vouches for, else the peer itself."""
    peer = st.context.ip_address or "127.0.0.1"  # Streamlit hides loopback addresses
    trusted = [ipaddress.ip_network(network, strict=False) for network in get_settings().tap_trusted_proxies]
    forwarded = [part.strip() for part in (st.context.headers.get("X-Forwarded-For") or "").split(",") if part.strip()]
    for candidate in reversed([*forwarded, peer]):
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            return peer
        if not any(address in network for network in trusted):
            return candidate
    return peer


def unavailable() -> None:
    """Shown instead of any page while the database is away; goes on by itself when it is back."""
    with st.container(key="login", horizontal_alignment="center"), st.container(key="card-login", width=400):
        st.html(
            '<div class="login-head"><h1>Reconnecting</h1><p>The database does not answer. '
            "Traffic is still forwarded and kept on disk; this page goes on by itself.</p></div>"
        )
    _wait_for_database()


@st.fragment(run_every=2.0)
def _wait_for_database() -> None:
    try:
        auth.current_user()
    except DatabaseUnavailableError:
        return
    st.rerun()
