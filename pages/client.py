"""One client: everything about it, to look at or to print and hand over."""

import pandas as pd
import streamlit as st

from core import formats, reports
from core.charts import history, shares, transfer
from core.charts.theme import ORANGE, TEAL
from core.exceptions import BadParameterError
from dashboard import auth, charts, exports, filter_bar, happened, kpis
from dashboard.client_head import head
from dashboard.components import card, colour_of, empty_state, legend, notes
from dashboard.data import load
from dashboard.error_list import error_list
from dashboard.tables import table

user = auth.require("admin", "analyst", "business", "client")

MOST_KINDS = 8

own = user.role == "client"
filters = filter_bar.bar(
    "Your usage" if own else "Client", ("event_type", "kind") if own else ("event_type", "kind", "client")
)
if not own and filters.client is None:
    empty_state(
        "Whose page?",
        "Choose a client on the page Clients, or enter a client_id under Filters.",
        page=("pages/clients.py", "Clients"),
    )
    st.stop()

client = load(user, reports.client, filters, kinds=True)
notes(client)
summary, timeline = client["summary"].iloc[0], client["timeline"]
against = "vs before" if filters.compare else ""
head(summary, client.meta)
arguments = filters.arguments(reports.client, client.meta.generated_at) | {"client": summary["client_id"]}

kpis.row(
    "client",
    [
        kpis.counted(client, "events", "Events", against=against),
        kpis.counted(client, "bytes_out", "Bytes out", formats.size, against=against),
        kpis.counted(client, "bytes_in", "Bytes in", formats.size, against=against),
        kpis.counted(client, "events_out", "Events delivered", against=against),
        kpis.counted(client, "errors", "Errors", against=against, risk=True),
        kpis.Number(
            "Response p95", formats.milliseconds(summary["p95_ms"]), trend=timeline["p95_ms"].tolist(), risk=True
        ),
    ],
)
with card(
    "What became of its messages",
    f"per {client.meta.granularity}; drag to zoom",
    key="outcomes",
    downloads=exports.links(reports.client, "timeline", arguments, "outcomes"),
):
    totals = history.outcome_totals(client)
    legend((name, formats.count(totals[name]), colour_of(place)) for place, name in enumerate(totals))
    charts.over_time(
        happened.over(history.outcomes(client), user, client.meta),
        "cl-outcomes",
        "Messages over time by what became of them",
    )

left, right = st.columns(2, gap="small")
with (
    left,
    card(
        "Bytes",
        f"wire bytes per {client.meta.granularity}",
        key="bytes",
        downloads=exports.links(reports.client, "timeline", arguments, "bandwidth"),
    ),
):
    legend([("Out", formats.size(summary["bytes_out"]), TEAL), ("In", formats.size(summary["bytes_in"]), ORANGE)])
    charts.over_time(
        happened.over(transfer.bandwidth(client, height=230), user, client.meta),
        "cl-bytes",
        "Bytes out and in over time",
    )
with (
    right,
    card(
        "Response time",
        "of its own messages",
        key="times",
        downloads=exports.links(reports.client, "timeline", arguments, "response_times"),
    ),
):
    if client["timeline"]["answered"].any():
        legend(
            (name, formats.milliseconds(summary[field]), colour_of(place))
            for place, (field, name) in enumerate(history.PERCENTILES.items())
        )
        charts.over_time(
            happened.over(history.response_times_of_client(client), user, client.meta),
            "cl-times",
            "Percentiles of its response time",
        )
    else:
        st.caption("None of its messages has a response time here.")

left, right = st.columns([1.2, 1], gap="small")
with (
    left,
    card(
        "When it is active",
        f"messages by weekday and hour, {client.meta.time_zone}",
        key="pattern",
        downloads=exports.links(reports.client, "pattern", arguments, "active_hours"),
    ),
):
    grid = client["pattern"].rename(columns={"events": "value"})
    st.altair_chart(shares.pattern(grid, 260), key="cl-pattern", alt="Messages by weekday and hour")
with right, card("By event type", "", key="types", downloads=exports.links(reports.client, "event_types", arguments)):
    table(
        reports.client,
        "event_types",
        client["event_types"],
        ("event_type", "events", "error_rate", "p95_ms"),
        "cl-types",
        labels={"event_type": "Type", "error_rate": "Errors", "p95_ms": "P95"},
        bar="events",
        words="Messages by type",
    )

left, middle, right = st.columns([1.1, 0.9, 1], gap="small")
with (
    left,
    card(
        "Kinds of events", "click to filter", key="kinds", downloads=exports.links(reports.client, "kinds", arguments)
    ),
):
    if client["kinds"].empty:
        st.caption("It sent no EVENT in this range.")
    else:
        charts.picking(
            shares.kinds(client["kinds"], MOST_KINDS), "cl-kinds", "Its events by kind", "key",
            lambda kind: filter_bar.choose(kind=kind),
        )  # fmt: skip
with middle, card("Errors by code", "", key="codes", downloads=exports.links(reports.client, "error_codes", arguments)):
    if client["error_codes"].empty:
        st.caption("No errors in this range.")
    else:
        table(
            reports.client,
            "error_codes",
            client["error_codes"],
            ("error_code", "errors", "share"),
            "cl-codes",
            labels={"error_code": "Code"},
            bar="errors",
            words="Its errors by code",
        )
with right, card("What it used", "the numbers of a bill for this range", key="bill"):
    try:
        start, end = filters.span(client.meta.generated_at)
        bill = load(
            user, reports.billing, filters.over(client.meta.start, client.meta.end, "day"), client=summary["client_id"]
        )
        used = bill["clients"]
        if used.empty:
            st.caption("Nothing to bill in this range.")
        else:
            line = used.iloc[0]
            names = {
                "accepted": "EVENTs accepted",
                "duplicate": "EVENTs it had",
                "rejected": "EVENTs refused",
                "reqs": "REQs",
                "counts": "COUNTs",
                "delivered": "Events delivered",
                "bytes_in": "Bytes in",
                "bytes_out": "Bytes out",
            }
            rows = pd.DataFrame({"what": list(names.values()), "amount": [f"{int(line[name]):,}" for name in names]})
            st.dataframe(
                rows,
                hide_index=True,
                row_height=32,
                key="cl-bill",
                column_config={"what": "Used", "amount": st.column_config.TextColumn("Amount", alignment="right")},
            )
    except BadParameterError as error:
        st.caption(str(error))

with card(
    "Its latest errors",
    f"newest first, {client.meta.time_zone}",
    key="latest",
    downloads=exports.links(reports.client, "latest_errors", arguments),
    fill=False,
):
    if client["latest_errors"].empty:
        st.caption("None.")
    else:
        error_list(client["latest_errors"], client.meta.generated_at.astimezone(client.meta.end.tzinfo).date())
