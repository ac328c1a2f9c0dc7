"""Clients: who uses the relay most, by any measure; finds one by part of its id or name."""

import streamlit as st

from core import formats, reports
from dashboard import auth, exports, filter_bar, kpis
from dashboard.components import card, empty_state, notes
from dashboard.data import load
from dashboard.tables import table

user = auth.require("admin", "analyst", "business")

SORTS = {
    "events": "Events",
    "bytes": "Bytes",
    "bytes_out": "Bytes out",
    "bytes_in": "Bytes in",
    "errors": "Errors",
    "unanswered": "Unanswered",
    "rejected": "Rejected",
    "duplicate": "Duplicates",
    "events_out": "Events delivered",
}
SHOWN = 100

filters = filter_bar.bar("Clients", ("event_type", "kind"), compare=False, buckets=False)
with st.container(key="client-search", horizontal=True, vertical_alignment="bottom", gap="small"):
    search = st.text_input(
        "Find", key="find", bind="query-params", placeholder="Part of a client_id or a name", icon=":material/search:"
    )
    sort = st.selectbox("Rank by", list(SORTS), key="sort", bind="query-params", width=180)
    page_number = st.number_input("Page", 1, 1000, key="page", bind="query-params", width=120)

found = load(
    user,
    reports.clients,
    filters,
    sort=sort,
    search=search.strip() or None,
    limit=SHOWN,
    offset=(page_number - 1) * SHOWN,
)
notes(found)
summary, rows = found["summary"].iloc[0], found["clients"]
measure = SORTS[sort]
show = formats.size if sort.startswith("bytes") else formats.count
top = float(rows[sort].head(10).sum())
kpis.row(
    "clients",
    [
        kpis.Number("Clients" if not search else "Clients found", formats.count(summary["clients"])),
        kpis.Number(measure, show(summary["total"]), help="Of all clients found together."),
        kpis.Number(
            "Of it, the first ten listed",
            formats.share(top / summary["total"] if summary["total"] else None),
            help="How much a few clients make up.",
        ),
    ],
)
if rows.empty:
    empty_state("No clients here", "Choose a wider range, search for less, or go back to the first page.")
    st.stop()

first, last = int(rows["rank"].iloc[0]), int(rows["rank"].iloc[-1])
arguments = filters.arguments(reports.clients, found.meta.generated_at) | {
    "sort": sort,
    "search": search.strip() or None,
    "limit": SHOWN,
    "offset": (page_number - 1) * SHOWN,
}
with card(
    f"{first:,} to {last:,} of {formats.count(summary['clients'])}",
    f"by {measure.lower()}; select one to see everything about it",
    key="clients",
    downloads=exports.links(reports.clients, "clients", arguments),
    fill=False,
):
    columns = [
        "rank",
        "client_id",
        "name",
        "identity",
        "events",
        "bytes_out",
        "bytes_in",
        "errors",
        "error_rate",
        "mean_ms",
        "first_seen",
        "last_seen",
    ]
    if sort not in columns:
        columns.insert(4, sort)
    if rows["name"].isna().all():
        columns.remove("name")
    table(
        reports.clients,
        "clients",
        rows,
        columns,
        "cl-clients",
        bar=sort,
        words="Clients by rank",
        labels={
            "rank": "#",
            "client_id": "Client",
            "bytes_out": "Out",
            "bytes_in": "In",
            "error_rate": "Rate",
            "mean_ms": "Mean",
        },
        picked=lambda row: filter_bar.open_client(row["client_id"]),
    )
filter_bar.go_to_client()
