"""What happens right now: live numbers, charts and errors, refreshed every two seconds."""

import streamlit as st

from core import formats
from core.exceptions import DatabaseUnavailableError
from core.settings import get_settings
from dashboard import alert_strip, auth, happened, ingest_state, live, realtime_cards
from dashboard.components import LiveState, empty_state, live_badge, page_header, quiet_line
from dashboard.live import View
from dashboard.places import now

user = auth.require("admin", "analyst", "business", watched=False)

REFRESH = 2.0
LAGGING = 5.0
"""Seconds that data may be behind before the page says so."""
WINDOWS = {"1m": 60, "5m": 300, "15m": 900}

head, tools = st.columns([3, 2], vertical_alignment="center", gap="small")
with (
    tools,
    st.container(
        key="live-tools", horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ),
):
    choice = st.segmented_control(
        "Window",
        list(WINDOWS),
        default="5m",
        required=True,
        key="window",
        bind="query-params",
        label_visibility="collapsed",
    )
    paused = st.toggle("Pause", key="paused")
window = WINDOWS[choice or "5m"]


def badge(view: View, fresh: bool) -> str:
    """The state of the page in one line, with its clock in the reporting zone."""
    at = view.meta.end
    zone = formats.zone_label(at)
    state: LiveState = "live"
    text = f"Live · {at:%H:%M:%S} {zone}"
    if not fresh:
        state, text = "away", f"Reconnecting · data of {at:%H:%M:%S} {zone}"
    elif paused:
        state, text = "paused", f"Paused · {at:%H:%M:%S} {zone}"
    elif view.lag is None:
        state, text = "paused", "Waiting for data"
    elif view.lag.total_seconds() > LAGGING:
        state, text = "lagging", f"{at:%H:%M:%S} {zone} · complete up to {view.meta.complete_up_to:%H:%M:%S}"
    return live_badge(state, text)


@st.fragment(run_every=None if paused else REFRESH)
def board() -> None:
    """Everything below the title; runs alone every two seconds."""
    try:
        auth.recheck(user)
        at = st.session_state.setdefault("paused_at", now()) if paused else now()
        if not paused:
            st.session_state.pop("paused_at", None)
        view, fresh = live.view(user.scope, window, at)
    except DatabaseUnavailableError:
        st.rerun()  # nothing to show yet: Home.py shows that the database is away
    with head:
        page_header("Realtime", badge(view, fresh))
    alert_strip.open_alerts(user.scope, at)
    counts = ingest_state.troubles(user.scope, at)
    address = f"ws://localhost:{get_settings().tap_port}"
    if view.meta.complete_up_to is None:
        empty_state(
            "Waiting for the first data",
            "Nothing has been measured yet. Start the ingest worker in front of your relay, then point a client at it.",
            code=f"RELAY_URL=wss://your-relay make dev    →    {address}",
        )
        return
    realtime_cards.key_numbers(view)
    if view.timeline.empty and not view.summary["active_connections"] > 0:
        empty_state(
            f"No traffic in the last {realtime_cards.window_name(view.window)}",
            "The tap is running and nobody is connected. Point a Nostr client at it and watch this page.",
            code=address,
        )
    realtime_cards.today(view)
    noted = happened.recent(user, view.meta)
    left, right = st.columns([2.2, 1], gap="small")
    with left:
        realtime_cards.events(view, noted, paused)
    with right:
        realtime_cards.types(view, paused)
    left, right = st.columns(2, gap="small")
    with left:
        realtime_cards.bandwidth(view, noted, paused)
    with right:
        realtime_cards.latency(view, noted, paused)
    left, right = st.columns([1.35, 1], gap="small")
    with left:
        realtime_cards.connections(view, noted, paused)
    with right:
        realtime_cards.host(view, noted)
    realtime_cards.latest_errors(view, paused)
    if counts:
        quiet_line(counts)


if paused:
    auth.watch(user)
with st.container(key="live-board"):
    board()
