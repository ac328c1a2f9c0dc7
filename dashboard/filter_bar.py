"""The controls above every history page: range, filters, chips, the link to share. Each is bound to the address bar.

Streamlit keeps a bound value in the address and carries it from page to page; so the address is the whole state.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st

from core.exceptions import BadParameterError
from core.periods import GRANULARITIES
from core.records import ERROR_CODES, EVENT_TYPES
from core.reports import REPORTS
from core.schedules.schedule import schedulable
from core.settings import get_settings
from dashboard.components import page_header
from dashboard.filters import CUSTOM, DEFAULT_RANGE, FILTERS, KEYS, RANGES, Filters, call, kind_of, labels, range_name
from dashboard.places import now

SHORTCUTS = {"1": "24h", "7": "7d", "3": "30d", "9": "90d", "y": "12m"}
REPORT_OF = {
    "Traffic": "traffic", "Users": "users", "Performance": "response_times", "Errors": "errors",
    "Bandwidth": "bandwidth", "Clients": "clients", "Client": "client",
}  # fmt: skip
"""The report whose numbers a page shows."""
_BEFORE_ZOOM = "_before_zoom"
_OPEN = "_client_to_open"
_STATE = "_state_of_filters"


def bar(title: str, offered: Sequence[str], *, compare: bool = True, buckets: bool = True, badges: str = "") -> Filters:
    """Draw the controls and return what they say. `offered`: the filters the page's reports take.

    What cannot be used is said above the page, and left out.
    """
    _carry(title, offered)
    head, tools = st.columns([1, 2.4], vertical_alignment="center", gap="small")
    with head:
        page_header(title, badges)
    with (
        tools,
        st.container(
            key="tools", horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="xsmall"
        ),
    ):
        st.segmented_control(
            "Range", RANGES, default=DEFAULT_RANGE, required=True, key="range", bind="query-params",
            label_visibility="collapsed", help=None,
        )  # fmt: skip
        with st.popover("Filters", icon=":material/filter_list:"):
            _fields(offered, compare, buckets)
        sharing = st.container(width="content")
    _custom_range(st.session_state["range"] == CUSTOM)
    _remember(title)
    filters = _current(offered)
    _chips(filters)
    _shortcuts(compare)
    with sharing, st.popover("Share", icon=":material/link:"):
        st.caption("The address holds the range and every filter; who may open it is decided at sign-in.")
        st.code(address(filters), language=None, wrap_lines=True)
        _schedule(title, filters)
        _notebook(title, filters)
    return filters


def _notebook(title: str, filters: Filters) -> None:
    """The Python call that gives the numbers of this page."""
    report = REPORTS.get(REPORT_OF.get(title, ""))
    if report is None or (report.name == "client" and filters.client is None):
        return
    try:
        arguments = filters.arguments(report, now())
    except BadParameterError:
        return  # a range that cannot be used is said on the page
    st.caption("The same numbers in Python or a notebook:")
    st.code(call(report, arguments), language="python", wrap_lines=True)


def _schedule(title: str, filters: Filters) -> None:
    """The link to a new schedule of the page's report with its filters, for who may have one."""
    report = st.session_state.get("report", "traffic") if title == "Reports" else REPORT_OF.get(title)
    if report in schedulable():
        about = {"new": report, "tz": filters.time_zone}
        about |= {name: str(value) for name, value in filters.chosen().items()}
        st.page_link(
            "pages/schedules.py", label="Schedule this view", icon=":material/schedule_send:", query_params=about
        )


def _carry(title: str, offered: Sequence[str]) -> None:
    """Take the state along from the page before. Streamlit does by itself, but not when a visitor leaves a page before
    the browser has its address; then both are set here, before any widget is bound."""
    before, kept = st.session_state.get(_STATE, (title, {}))
    if before == title:
        return
    usual = {"range": DEFAULT_RANGE, "by": "auto", "compare": True, "tz": get_settings().time_zone}
    known = {KEYS[name] for name in (*offered, *KEYS.keys() - FILTERS.keys())}
    for key, value in kept.items():
        if key in known and key not in st.query_params and value not in (None, "", usual.get(key)):
            st.query_params[key] = str(value).lower() if isinstance(value, bool) else str(value)
            st.session_state[key] = value


def _remember(title: str) -> None:
    state = st.session_state
    _, kept = state.get(_STATE, (title, {}))
    state[_STATE] = title, kept | {key: state[key] for key in KEYS.values() if key in state}


def zone() -> str:
    """The reporting zone of this page, also before its controls are drawn."""
    return str(st.session_state.get("tz") or get_settings().time_zone)


def _fields(offered: Sequence[str], compare: bool, buckets: bool) -> None:
    if "event_type" in offered:
        st.selectbox("Event type", EVENT_TYPES, None, key="type", bind="query-params", placeholder="All types")
    if "kind" in offered:
        st.text_input("Kind", key="kind", bind="query-params", placeholder="All kinds; a number, such as 1 or 9735")
    if "client" in offered:
        st.text_input(
            "Client", key="client", bind="query-params", placeholder="All clients; a client_id",
            help="The page Clients finds a client by part of its id or name.",
        )  # fmt: skip
    if "error_code" in offered:
        st.selectbox("Error code", ERROR_CODES, None, key="code", bind="query-params", placeholder="All codes")
    if buckets:
        st.selectbox("Granularity", ("auto", *GRANULARITIES[:-1]), key="by", bind="query-params")
    names = _zones()
    st.selectbox("Time zone", names, names.index(get_settings().time_zone), key="tz", bind="query-params")
    if compare:
        st.toggle("Compare with the period before", True, key="compare", bind="query-params")
    keys = ", ".join(f"**{key}** {name}" for key, name in SHORTCUTS.items())
    st.caption(f"Keys: {keys}" + (", **x** compare" if compare else "") + ", **s** search, **h** all keys")


@cache
def _zones() -> tuple[str, ...]:
    """Zones to choose from: the configured one and UTC first."""
    first = dict.fromkeys((get_settings().time_zone, "UTC"))
    places = (name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return tuple(first | dict.fromkeys(sorted(places)))


def _custom_range(chosen: bool) -> None:
    """First and last of a custom range: picked as days, or typed, also to the hour.

    The fields are there for every range, hidden: Streamlit puts into the address only what was set on a field it knows.
    """
    state = st.session_state
    if not chosen:
        state["from"] = state["to"] = ""
    elif not state.get("from"):
        today = now().astimezone(ZoneInfo(zone())).date()
        state["from"], state["to"] = str(today - timedelta(days=13)), str(today)
    state["dates"] = _days(state["from"], state["to"])
    place = "custom-range" if chosen else "custom-range-off"
    with st.container(key=place, horizontal=True, vertical_alignment="bottom", gap="small"):
        st.date_input("Days, both included", key="dates", on_change=_dates_picked, width=230, format="YYYY-MM-DD")
        st.text_input("From", key="from", bind="query-params", width=180, help="A day, or an hour: 2026-01-31T17:00")
        st.text_input("To", key="to", bind="query-params", width=180, help="A day (included), or an hour (not)")


def _days(start: str, end: str) -> tuple[date, date]:
    try:
        return date.fromisoformat(start[:10]), date.fromisoformat(end[:10])
    except ValueError:
        today = now().astimezone(ZoneInfo(zone())).date()
        return today, today


def _dates_picked() -> None:
    picked = st.session_state["dates"]
    if len(picked) == 2:  # one end only: the other is still to come
        st.session_state["from"], st.session_state["to"] = (str(day) for day in picked)


def _current(offered: Sequence[str]) -> Filters:
    state = st.session_state
    given = {name: str(state.get(FILTERS[name]) or "").strip() or None for name in offered}
    chosen = state["range"] or DEFAULT_RANGE
    kind = None
    try:
        kind = kind_of(given.get("kind"))
    except BadParameterError as error:
        st.warning(f"{error} The filter is left out.", icon=":material/filter_list_off:")
    return Filters(
        time_zone=zone(),
        range=chosen,
        start=state["from"].strip() if chosen == CUSTOM else "",
        end=state["to"].strip() if chosen == CUSTOM else "",
        granularity=state.get("by") or "auto",
        compare=bool(state.get("compare", True)),
        event_type=given.get("event_type"),
        kind=kind,
        client=given.get("client"),
        error_code=given.get("error_code"),
    )


def _chips(filters: Filters) -> None:
    """What narrows the page, each with a cross to take it off."""
    words = labels(filters)
    zoomed = filters.range == CUSTOM and _BEFORE_ZOOM in st.session_state
    if not words and not zoomed:
        return
    with st.container(key="chips", horizontal=True, gap="xsmall", vertical_alignment="center"):
        if zoomed:
            _chip(f"Zoom: {range_name(filters)}", "zoom", _zoom_out)
        for name, text in words.items():
            _chip(text, name, _clear, name)


def _chip(text: str, name: str, action: Any, *args: Any) -> None:
    st.button(text, icon=":material/close:", icon_position="right", key=f"chip-{name}", on_click=action, args=args,
              help="Remove this filter")  # fmt: skip


def _clear(name: str) -> None:
    st.session_state[FILTERS[name]] = None if name in ("event_type", "error_code") else ""


def choose(**values: Any) -> None:
    """For callbacks of charts and tables: set filters by their names (`event_type="REQ"`)."""
    for name, value in values.items():
        st.session_state[FILTERS[name]] = str(value)


def open_client(client: str) -> None:
    """For callbacks of tables: the page of this client, as soon as the script comes to `go_to_client`."""
    st.session_state[_OPEN] = client


def go_to_client() -> None:
    """Go to the page of the client that was opened; Streamlit takes range and filters along."""
    client = st.session_state.pop(_OPEN, None)
    if client is not None:
        st.switch_page("pages/client.py", query_params={FILTERS["client"]: client})


def zoom(start: datetime, end: datetime) -> None:
    """For callbacks of charts: show [start, end) only, wall-clock times of the zone, widened to whole hours."""
    state = st.session_state
    if state["range"] != CUSTOM or _BEFORE_ZOOM not in state:
        state[_BEFORE_ZOOM] = (state["range"], state.get("from"), state.get("to"))
    hour = timedelta(hours=1)
    first = start.replace(minute=0, second=0, microsecond=0)
    last = end.replace(minute=0, second=0, microsecond=0)
    last = last if last == end and last > first else last + hour
    state["range"] = CUSTOM
    state["from"], state["to"] = f"{first:%Y-%m-%dT%H:%M}", f"{last:%Y-%m-%dT%H:%M}"


def _zoom_out() -> None:
    state = st.session_state
    state["range"], state["from"], state["to"] = state.pop(_BEFORE_ZOOM)


def _shortcuts(compare: bool) -> None:
    """Buttons that are there for their keys; the style sheet hides them from sight, not from assistive technology."""
    with st.container(key="shortcuts"):
        for key, name in SHORTCUTS.items():
            st.button(f"Show {name}", shortcut=key, key=f"key-{name}", on_click=_set_range, args=(name,))
        if compare:
            st.button("Toggle comparison", shortcut="x", key="key-compare", on_click=_toggle_compare)
        search = st.button("Search for a client", shortcut="s", key="key-search")
        listed = st.button("List these keys", shortcut="h", key="key-help")
    if search:
        st.switch_page("pages/clients.py")
    if listed:
        _keys(compare)


@st.dialog("Keys")
def _keys(compare: bool) -> None:
    lines = [f"| `{key.upper()}` | the last {name} |" for key, name in SHORTCUTS.items()]
    lines += ["| `X` | compare with the period before, or not |"] if compare else []
    lines += ["| `S` | search for a client |", "| `H` | this list |"]
    st.markdown("\n".join(["| Key | What it does |", "|---|---|", *lines]))
    st.caption("Drag over a chart to zoom; click a bar, slice or row to filter; a cross on a chip takes a filter off.")


def _set_range(name: str) -> None:
    st.session_state["range"] = name


def _toggle_compare() -> None:
    st.session_state["compare"] = not st.session_state.get("compare", True)


def address(filters: Filters) -> str:
    """The link to this view."""
    here = urlsplit(st.context.url or "")
    query = filters.query(get_settings().time_zone)
    return f"{here.scheme}://{here.netloc}{here.path}" + (f"?{query}" if query else "")
