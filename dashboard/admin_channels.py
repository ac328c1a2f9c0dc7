"""Admin: channels that reports and alerts are delivered to. The secret of a webhook is shown once."""

from __future__ import annotations

import streamlit as st

from core.accounts.users import User
from core.delivery import registry
from core.delivery.channels import KINDS, Channel
from core.exceptions import RelayAnalyticsError
from core.settings import get_settings
from dashboard.auth import acting
from dashboard.components import card, quiet_line
from dashboard.places import database, now

_NEW = "_new_channel"
LABELS = {"mail": "Mail", "webhook": "Webhook", "directory": "Directory", "nostr": "Nostr message"}
HINTS = {
    "mail": "ann@example.org, bob@example.org",
    "webhook": "https://example.org/hook",
    "directory": "monthly (below DELIVERY_DIR)",
    "nostr": "npub1…",
}


def show(user: User) -> None:
    """The section. `user` is who administers."""
    known = registry.listing(database())
    fresh: Channel | None = st.session_state.pop(_NEW, None)
    if fresh is not None and fresh.secret is not None:
        with card("Signing secret", f"of {fresh.name}, shown this once: copy it now", key="new-channel", fill=False):
            st.code(fresh.secret.get_secret_value(), language=None)
            quiet_line("Receivers check the header webhook-signature with it (Standard Webhooks, docs/channels.md).")
    with card("Channels", "where reports and alerts are delivered", key="channels", fill=False):
        st.dataframe(
            [
                {
                    "channel": one.name,
                    "kind": LABELS[one.kind],
                    "delivers to": one.shown,
                    "added": one.created_at,
                    "by": one.created_by,
                }
                for one in known
            ],
            hide_index=True,
            row_height=32,
            height="content",
            key="ad-channels",
            alt="Channels",
            column_config={"added": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")},
            placeholder="No channel yet: add the first one below.",
        )
    left, right = st.columns(2, gap="small")
    with left, card("Add a channel", "mail addresses, a webhook, a directory or a Nostr key", key="add-channel"):
        _add(user)
    with right, card("Change, test or remove", "a test says what the other side answered", key="one-channel"):
        _one(user, known)


def _add(user: User) -> None:
    kind = st.segmented_control(
        "Kind", KINDS, default="mail", required=True, format_func=LABELS.__getitem__, key="ad-kind"
    )
    with st.form("add-channel", border=False):
        name = st.text_input("Name", placeholder="bookkeeping", max_chars=63)
        address = st.text_input("Address", placeholder=HINTS[kind], max_chars=2000)
        if not st.form_submit_button("Add", type="primary"):
            return
    try:
        actor = acting(user, "manage", "channels")
        st.session_state[_NEW] = registry.add(database(), actor, name.strip(), kind, address, now())
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.rerun()


def _one(user: User, known: list[Channel]) -> None:
    chosen = st.selectbox(
        "Channel", [one.name for one in known], None, key="ad-channel", placeholder="Choose one", disabled=not known
    )
    picked = next((one for one in known if one.name == chosen), None)
    if picked is not None:
        _change(user, picked)
    with st.container(horizontal=True):
        test = st.button("Send a test", key="ad-test", disabled=chosen is None, icon=":material/send:")
        remove = st.button("Remove", key="ad-remove-channel", disabled=chosen is None, icon=":material/delete:")
    if chosen is None or not (test or remove):
        return
    try:
        actor = acting(user, "manage", "channels")
        if remove:
            registry.remove(database(), actor, chosen, now())
        else:
            with st.spinner("Sending …"):
                receipt = registry.send_test(database(), actor, chosen, now(), get_settings())
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        if remove:
            st.rerun()
        st.success(f"Delivered: {receipt.detail}.", icon=":material/check:")


def _change(user: User, channel: Channel) -> None:
    """Of a webhook the address is not shown, as it often holds a secret: left empty, it stays."""
    signed = channel.kind == "webhook"
    with st.form(f"change-channel-{channel.name}", border=False):
        address = st.text_input(
            "Address; empty: as it is" if signed else "Address",
            "" if signed else channel.address,
            placeholder=channel.shown if signed else HINTS[channel.kind],
            max_chars=2000,
        ).strip()
        renew = signed and st.checkbox("A new signing secret", help="Calls are no longer signed with the old one.")
        if not st.form_submit_button("Change", type="primary"):
            return
    try:
        changed = registry.change(
            database(), acting(user, "manage", "channels"), channel.name, now(), address=address or None,
            renew_secret=renew,
        )  # fmt: skip
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
        return
    if renew:
        st.session_state[_NEW] = changed
    st.rerun()
