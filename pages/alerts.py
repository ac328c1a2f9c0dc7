"""Alerts: what is wrong and why, what was, and the rules that watch."""

import streamlit as st

from core import formats
from core.settings import get_settings
from dashboard import alert_data, alert_incidents, alert_rules, auth
from dashboard.components import LiveState, live_badge, page_header
from dashboard.places import now

user = auth.require("admin", "analyst", "business")

SECTIONS = {"Incidents": alert_incidents.show, "Rules": alert_rules.show}
REFRESH = 5.0

head, tools = st.columns([2, 1], vertical_alignment="center", gap="small")
with tools, st.container(key="tools", horizontal=True, horizontal_alignment="right"):
    section = st.segmented_control(
        "Section",
        list(SECTIONS),
        default="Incidents",
        required=True,
        key="alert-section",
        bind="query-params",
        label_visibility="collapsed",
    )


@st.fragment(run_every=REFRESH if section == "Incidents" else None)
def board() -> None:
    """Runs alone every few seconds, while incidents are looked at: a form must not."""
    auth.recheck(user)
    at = now()
    alerts = alert_data.read(user.scope, at)
    state: LiveState = "live" if alerts.watched(at) else "away"
    text = "The rules are not looked at"
    if alerts.looked_at is not None:
        local = alerts.looked_at.astimezone(get_settings().zone)
        text = f"Looked at {local:%H:%M:%S} {formats.zone_label(local)}"
    with head:
        page_header("Alerts", live_badge(state, text))
    said = st.session_state.pop("al-error", None)
    if said:
        st.error(said, icon=":material/error:")
    SECTIONS[section or "Incidents"](user, alerts, at)


with st.container(key="live-alerts"):
    board()
