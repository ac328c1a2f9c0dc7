"""Traffic: how many messages, of which kind, when, and against the period before."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core import formats, reports
from core.charts import history, shares
from core.charts.live import fold
from core.periods import MAX_HOURS
from dashboard import auth, charts, exports, filter_bar, happened, kpis
from dashboard.components import card, colour, empty_state, legend, legend_rows, notes
from dashboard.data import earlier, load
from dashboard.tables import table

user = auth.require("admin", "analyst", "business")

MOST_KINDS = 10
TOP = 10
HOURLY = timedelta(hours=MAX_HOURS)

filters = filter_bar.bar("Traffic", ("event_type", "kind", "client"))
traffic = load(user, reports.traffic, filters)
against = "vs before" if filters.compare else ""
notes(traffic)
timeline = traffic["timeline"]

users = load(user, reports.users, filters) if filters.client is None else None
numbers = [kpis.counted(traffic, "events", "Events", against=against)]
if users is not None:
    summary, trend = users["summary"].iloc[0], users["timeline"]["clients"].tolist()
    numbers.append(kpis.Number("Unique clients", formats.count(summary["clients"]), summary["change"], against, trend))
kpis.row(
    "traffic",
    [
        *numbers,
        kpis.counted(traffic, "bytes_out", "Bytes out", formats.size, against=against),
        kpis.counted(traffic, "bytes_in", "Bytes in", formats.size, against=against),
        kpis.counted(traffic, "errors", "Errors", against=against, risk=True),
        kpis.counted(traffic, "unanswered", "Unanswered", against=against, risk=True),
    ],
)
if not timeline["events"].any():
    empty_state("No messages in this range", "Choose a wider range, or take a filter off.")
    st.stop()

arguments = filters.arguments(reports.traffic, traffic.meta.generated_at)
types = fold(traffic["event_types"], [], ["events"]).rename(columns={"event_type": "name", "events": "value"})
counts: dict[str, int] = dict(zip(types["name"], types["value"], strict=True))
with card(
    "Events over time",
    f"by type, per {traffic.meta.granularity}; drag to zoom",
    key="events",
    downloads=exports.links(reports.traffic, "event_types_over_time", arguments, "traffic"),
):
    legend((name, formats.count(events), colour(name)) for name, events in counts.items())
    before = earlier(user, reports.traffic, filters, traffic)
    charts.over_time(
        happened.over(history.traffic(traffic, before), user, traffic.meta), "tr-events", "Events over time by type"
    )
    happened.button(user, ZoneInfo(filters.time_zone), "tr-annotate")

left, right = st.columns([1, 2], gap="small")
with (
    left,
    card(
        "Event types",
        "click to filter",
        key="types",
        downloads=exports.links(reports.traffic, "event_types", arguments),
    ),
):
    ring = shares.ring(types)
    charts.picking(ring, "tr-ring", "Share of event types", "name", lambda name: filter_bar.choose(event_type=name))
    total = sum(counts.values())
    legend_rows((name, formats.count(n), formats.share(n / total), colour(name)) for name, n in counts.items())
with (
    right,
    card(
        "Kinds of events", "click to filter", key="kinds", downloads=exports.links(reports.traffic, "kinds", arguments)
    ),
):
    if traffic["kinds"].empty:
        st.caption("No EVENT messages here: kinds belong to them.")
    else:
        charts.picking(
            shares.kinds(traffic["kinds"], MOST_KINDS), "tr-kinds", "Events by kind", "key",
            lambda kind: filter_bar.choose(kind=kind),
        )  # fmt: skip

left, right = st.columns([1.2, 1], gap="small")
by_hour = filters.by_hour(traffic.meta) if traffic.meta.end - traffic.meta.start <= HOURLY else None
hours = None if by_hour is None else by_hour.arguments(reports.traffic, traffic.meta.generated_at)
with (
    left,
    card(
        "Busiest hours",
        f"mean events per hour, {filters.time_zone}",
        key="pattern",
        downloads=() if hours is None else exports.links(reports.traffic, "timeline", hours),
    ),
):
    if by_hour is None:
        st.caption(f"By hour a range can have {HOURLY.days} days at most: choose a shorter one.")
    else:
        hourly = load(user, reports.traffic, by_hour, compare=False)
        grid = shares.by_hour_and_weekday(hourly["timeline"], "events")
        st.altair_chart(shares.pattern(grid), key="tr-pattern", alt="Mean events by weekday and hour")
with right:
    clients = load(user, reports.clients, filters, limit=TOP)
    with card(
        "Top clients",
        "by events; select one to filter",
        key="clients",
        downloads=exports.links(
            reports.clients, "clients", filters.arguments(reports.clients, traffic.meta.generated_at)
        ),
    ):
        table(
            reports.clients,
            "clients",
            clients["clients"],
            ("client_id", "events", "bytes", "error_rate"),
            "tr-clients",
            labels={"client_id": "Client", "error_rate": "Errors"},
            bar="events",
            words="The clients with the most events",
            picked=lambda row: filter_bar.choose(client=row["client_id"]),
        )
