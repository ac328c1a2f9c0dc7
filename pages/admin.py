"""Admin: who may sign in, tokens, channels, what is kept how long, annotations, the database, and who did what."""

import streamlit as st

from dashboard import (
    admin_annotations,
    admin_audit,
    admin_channels,
    admin_retention,
    admin_system,
    admin_tokens,
    admin_users,
    auth,
)
from dashboard.components import page_header

user = auth.require("admin")

SECTIONS = {
    "users": admin_users.show,
    "tokens": admin_tokens.show,
    "channels": admin_channels.show,
    "retention": admin_retention.show,
    "annotations": admin_annotations.show,
    "system": admin_system.show,
    "audit": admin_audit.show,
}

head, tools = st.columns([1, 2], vertical_alignment="center", gap="small")
with head:
    page_header("Admin")
with tools, st.container(key="tools", horizontal=True, horizontal_alignment="right"):
    section = st.segmented_control(
        "Section",
        list(SECTIONS),
        default="users",
        required=True,
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
SECTIONS[section or "users"](user)
