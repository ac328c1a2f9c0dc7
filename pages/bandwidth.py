"""Bandwidth: what the relay carries in and out, when most, for whom, and what it costs."""

import pandas as pd
import streamlit as st

from core import formats, reports
from core.charts import transfer
from core.charts.theme import ORANGE, TEAL
from core.reports.bandwidth import NO_MINUTES, NO_TARIFF
from core.tariffs.currencies import amount
from dashboard import auth, charts, exports, filter_bar, happened, kpis, prices
from dashboard.components import Fact, card, empty_state, legend, notes, strip
from dashboard.data import earlier, load
from dashboard.tables import table

user = auth.require("admin", "analyst", "business")

filters = filter_bar.bar("Bandwidth", ("event_type", "kind", "client"))
tariff = prices.tried()
bandwidth = load(user, reports.bandwidth, filters, **({"tariff": tariff.source} if tariff else {}))
notes(bandwidth, NO_TARIFF, NO_MINUTES)
summary, timeline = bandwidth["summary"].iloc[0], bandwidth["timeline"]
against = "vs before" if filters.compare else ""


def money(value: int | None) -> str:
    """An amount of the tariff's currency given in its minor units."""
    return formats.MISSING if tariff is None or pd.isna(value) else amount(int(value), tariff.currency)


kpis.row(
    "bandwidth",
    [
        kpis.counted(bandwidth, "bytes_out", "Bytes out", formats.size, against=against),
        kpis.counted(bandwidth, "bytes_in", "Bytes in", formats.size, against=against),
        kpis.Number(
            "Mean rate", formats.bit_rate(summary["mean_total"]), help="In and out, over the time that passed."
        ),
        kpis.Number(
            "Wire per payload",
            formats.ratio(summary["wire_ratio"]),
            help="Wire bytes for each byte of the messages themselves; compression brings it below 1.",
        ),
        kpis.Number(
            "Cost of transfer",
            money(summary["cost"]),
            help="By TARIFF, or the prices tried. Fees and messages: see Billing.",
        ),
    ],
)
if not summary["bytes_total"]:
    empty_state("Nothing was carried in this range", "Choose a wider range, or take a filter off.")
    st.stop()

arguments = filters.arguments(reports.bandwidth, bandwidth.meta.generated_at)
with card(
    "Bytes over time",
    f"wire bytes per {bandwidth.meta.granularity}; drag to zoom",
    key="bytes",
    downloads=exports.links(reports.bandwidth, "timeline", arguments, "bandwidth"),
):
    legend(
        [
            ("Out", formats.size(summary["bytes_out"]), TEAL),
            ("In", formats.size(summary["bytes_in"]), ORANGE),
        ]
    )
    before = earlier(user, reports.bandwidth, filters, bandwidth)
    charts.over_time(
        happened.over(transfer.bandwidth(bandwidth, before), user, bandwidth.meta),
        "bw-bytes",
        "Bytes out and in over time",
    )

busiest = bandwidth["peak_minutes"] if len(bandwidth["peak_minutes"]) else bandwidth["peak_hours"]
with st.container(key="card-strip"):
    strip(
        [
            Fact(
                "Live and other traffic", formats.share(summary["delivery_share"]), "of all bytes, in answer to nothing"
            ),
            Fact("Mean out", formats.bit_rate(summary["mean_out"]), "of the time passed"),
            Fact("Mean in", formats.bit_rate(summary["mean_in"]), "of the time passed"),
            Fact(
                "Busiest minute" if len(bandwidth["peak_minutes"]) else "Busiest hour",
                formats.bit_rate(busiest["mean"].iloc[0]) if len(busiest) else formats.MISSING,
                f"{busiest['timestamp'].iloc[0]:%d %b %H:%M}" if len(busiest) else "",
            ),
            Fact("Cost out", money(summary["cost_out"]), "by the tariff" if tariff else "no tariff is set"),
            Fact("Cost in", money(summary["cost_in"]), "by the tariff" if tariff else "no tariff is set"),
        ]
    )

left, right = st.columns(2, gap="small")
with (
    left,
    card(
        "By client",
        "select one to filter",
        key="clients",
        downloads=exports.links(reports.bandwidth, "clients", arguments),
    ),
):
    clients = bandwidth["clients"].assign(bytes=bandwidth["clients"]["bytes_in"] + bandwidth["clients"]["bytes_out"])
    table(
        reports.bandwidth,
        "clients",
        clients,
        ("client_id", "bytes_out", "bytes_in", "share"),
        "bw-clients",
        labels={"client_id": "Client", "bytes_out": "Out", "bytes_in": "In"},
        bar="bytes_out",
        words="Clients with the most bytes",
        picked=lambda row: filter_bar.choose(client=row["client_id"]),
    )
with (
    right,
    card(
        "By event type",
        "with what answers it; DELIVERY: live events, pings, handshakes",
        key="types",
        downloads=exports.links(reports.bandwidth, "event_types", arguments),
    ),
):
    table(
        reports.bandwidth,
        "event_types",
        bandwidth["event_types"],
        ("event_type", "bytes_out", "bytes_in", "share"),
        "bw-types",
        labels={"event_type": "Type", "bytes_out": "Out", "bytes_in": "In"},
        bar="bytes_out",
        words="Bytes by event type",
    )

left, right = st.columns(2, gap="small")
for place, name, title in ((left, "peak_hours", "Busiest hours"), (right, "peak_minutes", "Busiest minutes")):
    with place, card(title, filters.time_zone, key=name, downloads=exports.links(reports.bandwidth, name, arguments)):
        if bandwidth[name].empty:
            st.caption("Minutes are kept for a while only, and not by client.")
            continue
        rows = bandwidth[name].assign(rate=bandwidth[name]["mean"].map(formats.bit_rate))
        table(
            reports.bandwidth,
            name,
            rows,
            ("timestamp", "bytes_out", "bytes_in", "rate"),
            f"bw-{name}",
            labels={
                "timestamp": title[:-1].removeprefix("Busiest ").capitalize(),
                "bytes_out": "Out",
                "bytes_in": "In",
                "rate": "Mean rate",
            },
            words=title,
        )
