"""Billing: usage and cost per client of a month; closing it, and what was counted since."""

import pandas as pd
import streamlit as st

from core import billing, formats, reports
from core.exceptions import RelayAnalyticsError
from core.ranges import months
from core.settings import get_settings
from core.tariffs.currencies import amount
from dashboard import auth, exports, kpis
from dashboard.components import card, empty_state, notes, page_header
from dashboard.data import ask
from dashboard.places import database, now
from dashboard.tables import table

user = auth.require("admin", "business")

SHOWN = 1000
zone = get_settings().time_zone
choices = months(now(), get_settings().zone, 24)
head, tools = st.columns([1, 1], vertical_alignment="center", gap="small")
with head:
    page_header("Billing")
with (
    tools,
    st.container(key="tools", horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"),
):
    month = st.selectbox("Month", choices, 1, key="month", bind="query-params", width=150, label_visibility="collapsed")
    search = st.text_input(
        "Client",
        key="bill_client",
        bind="query-params",
        placeholder="Only one client_id",
        width=230,
        label_visibility="collapsed",
        icon=":material/search:",
    )
    st.page_link(
        "pages/schedules.py",
        label="Schedule",
        icon=":material/schedule_send:",
        help="Send the bills of each month by themselves",
        query_params={"new": "billing", **({"client": search.strip()} if search.strip() else {})},
    )

arguments = {"month": month, "time_zone": zone, "client": search.strip() or None, "limit": SHOWN}
bill = ask(user, reports.billing, arguments)
notes(bill)
state, lines, totals = bill["period"].iloc[0], bill["clients"], bill["totals"]
closed = state["state"] == "closed"
currency = None if pd.isna(state["currency"]) else str(state["currency"])
whole = totals.iloc[-1]


def close(chosen: str) -> None:
    """Freeze the month; what stands in the way is said at the next run."""
    try:
        made = billing.close(database(), now(), month=chosen, time_zone=zone, tariff=get_settings().tariff)
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.cache_data.clear()
        st.success(f"Closed as period {made.period_id}: {made.lines} clients.", icon=":material/lock:")


def money(value: int | None) -> str:
    """An amount given in minor units of the bill's currency."""
    return formats.MISSING if currency is None or pd.isna(value) else amount(int(value), currency)


kpis.row(
    "billing",
    [
        kpis.Number("Clients", formats.count(whole["clients"])),
        kpis.Number("Cost", money(whole["cost"]), help="By the tariff; docs/billing.md has the formula."),
        kpis.Number("EVENTs accepted", formats.count(whole["accepted"])),
        kpis.Number("REQs", formats.count(whole["reqs"])),
        kpis.Number("Bytes out", formats.size(whole["bytes_out"])),
        kpis.Number("State", "Closed" if closed else "Open", help="A closed month is frozen with a checksum."),
    ],
)
if lines.empty:
    empty_state("Nothing was used in this month", "Choose another month.")
    st.stop()

listed = lines.assign(cost=lines["cost"].map(money)) if currency else lines
columns = ["client_id", "name", "accepted", "duplicate", "rejected", "reqs", "delivered", "bytes_in", "bytes_out"]
if lines["name"].isna().all():
    columns.remove("name")
with card(
    f"{month}, by client",
    f"the {SHOWN:,} dearest; whole list: relay-analytics billing, or the API" if len(lines) >= SHOWN else zone,
    key="lines",
    downloads=exports.links(reports.billing, "clients", arguments),
    fill=False,
):
    table(
        reports.billing,
        "clients",
        listed,
        [*columns, "cost"] if currency else columns,
        "bi-lines",
        labels={"client_id": "Client", "bytes_in": "In", "bytes_out": "Out", "reqs": "REQs"},
        words="Bills by client",
    )
with card(
    "Sums", "of all clients", key="totals", downloads=exports.links(reports.billing, "totals", arguments), fill=False
):
    table(
        reports.billing,
        "totals",
        totals.assign(cost=totals["cost"].map(money)) if currency else totals,
        ["part", "clients", "accepted", "reqs", "delivered", "bytes_in", "bytes_out", *(["cost"] if currency else [])],
        "bi-totals",
        labels={"bytes_in": "In", "bytes_out": "Out", "reqs": "REQs"},
        words="Sums of the bills",
    )
for name, title, sub in (
    ("adjustments", "Adjustments", "made since the month was closed"),
    ("unadjusted", "Not adjusted yet", "counted since the month was closed"),
):
    if not bill[name].empty:
        with card(title, sub, key=name, downloads=exports.links(reports.billing, name, arguments), fill=False):
            shown = bill[name].assign(cost=bill[name]["cost"].map(money)) if currency else bill[name]
            some = ["number", "made_at", "reason"] if name == "adjustments" else []
            table(
                reports.billing,
                name,
                shown,
                [*some, "client_id", "accepted", "reqs", "bytes_in", "bytes_out", *(["cost"] if currency else [])],
                f"bi-{name}",
                labels={"client_id": "Client"},
                words=title,
            )

with card("The books", "", key="books", fill=False):
    if closed:
        st.markdown(
            f"Period {state['period_id']}, closed {state['closed_at']:%Y-%m-%d %H:%M} {zone}. "
            "Keep this checksum where the database cannot change it:"
        )
        st.code(str(state["checksum"]), language=None)
    elif user.role == "admin":
        st.markdown("Closing freezes these numbers with a checksum. What is counted later becomes an adjustment.")
        with st.popover(f"Close {month}", icon=":material/lock:"):
            tariff = get_settings().tariff
            st.markdown("It cannot be opened again." if tariff else "No tariff is set: usage is frozen, without costs.")
            st.button("Close it for good", type="primary", key="close-month", on_click=close, args=(month,))
    else:
        st.caption("An administrator closes a month when it is over.")
