"""Schedules: reports that are sent by themselves, what was sent, and what went wrong."""

import streamlit as st

from core.delivery import registry
from core.schedules import ledger, store
from dashboard import auth, schedule_detail, schedule_form, schedule_list
from dashboard.components import empty_state, page_header
from dashboard.places import database, now

user = auth.require("admin", "analyst", "business")

head, tools = st.columns([1, 1], vertical_alignment="center", gap="small")
with head:
    page_header("Schedules")
channels = registry.listing(database())
schedules = store.listing(database())
asked = schedule_form.asked(schedules)
with tools, st.container(key="tools", horizontal=True, horizontal_alignment="right"):
    if asked is None and channels:
        st.button("New schedule", type="primary", icon=":material/add:", on_click=schedule_form.open_new)

if not channels:
    empty_state(
        "Where should reports go?",
        "First add a channel: mail addresses, a webhook, a directory or a Nostr key. Administrators do that on the "
        "page Admin, section channels.",
        code="relay-analytics channel add books mail ann@example.org",
        page=("pages/admin.py", "Admin") if user.role == "admin" else None,
    )
    st.stop()
if asked is not None:
    schedule_form.show(user, asked, channels)
    st.stop()
if not schedules:
    empty_state(
        "Nothing is scheduled yet",
        "Choose “Schedule this view” under Share on any report page, or begin with a new schedule: a report, the "
        "days it covers, when, and where to.",
    )
    st.stop()
chosen = schedule_list.show(schedules, {run.schedule_id: run for run in ledger.latest(database())}, now())
if chosen is not None:
    schedule_detail.show(user, chosen)
