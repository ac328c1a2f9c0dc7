"""Performance: how fast the relay answers, what it never answered, and how it got faster or slower."""

import streamlit as st

from core import formats, reports
from core.charts import history
from dashboard import auth, charts, exports, filter_bar, happened, kpis
from dashboard.components import card, colour_of, empty_state, legend, notes
from dashboard.data import earlier, load
from dashboard.query_shapes import query_shapes
from dashboard.tables import table

user = auth.require("admin", "analyst", "business")

filters = filter_bar.bar("Performance", ("event_type", "kind", "client"))
times = load(user, reports.response_times, filters)
notes(times)
summary, timeline = times["summary"].astype(object).iloc[0], times["timeline"]
past = earlier(user, reports.response_times, filters, times)
before = None if past is None else past["summary"].astype(object).iloc[0]


def percentile(label: str, name: str, trend: str) -> kpis.Number:
    """The card of a percentile of the whole range; slower is worse."""
    old = None if before is None else before[name]
    change = None if old is None or not old > 0 else summary[name] / old - 1
    against = "vs before" if filters.compare else ""
    return kpis.Number(
        label, formats.milliseconds(summary[name]), change, against, times[trend][name].tolist(), risk=True
    )


messages = summary["answered"] + summary["unanswered"]
kpis.row(
    "performance",
    [
        percentile("Median", "p50_ms", "timeline"),
        percentile("P95", "p95_ms", "timeline"),
        percentile("P99", "p99_ms", "timeline"),
        percentile("First event, P95", "first_event_p95_ms", "first_event"),
        kpis.Number("Answered", formats.count(summary["answered"]), trend=timeline["answered"].tolist()),
        kpis.Number(
            "Unanswered",
            formats.count(summary["unanswered"]),
            trend=timeline["unanswered"].tolist(),
            risk=True,
            help="Messages without an answer in time; no response time counts them.",
        ),
    ],
)
if not messages:
    empty_state("Nothing was answered in this range", "Choose a wider range, or take a filter off.")
    st.stop()

arguments = filters.arguments(reports.response_times, times.meta.generated_at)
with card(
    "Response time",
    f"per {times.meta.granularity}, within {times.meta.error_bound or 0:.2%}; drag to zoom",
    key="times",
    downloads=exports.links(reports.response_times, "timeline", arguments, "response_times"),
):
    legend(
        (name, formats.milliseconds(summary[field]), colour_of(place))
        for place, (field, name) in enumerate(history.PERCENTILES.items())
    )
    charts.over_time(
        happened.over(history.response_times(times), user, times.meta),
        "pf-times",
        "P50, P95 and P99 of the response time",
    )

left, right = st.columns(2, gap="small")
with (
    left,
    card(
        "By event type",
        "select one to filter",
        key="types",
        downloads=exports.links(reports.response_times, "event_types", arguments),
    ),
):
    table(
        reports.response_times,
        "event_types",
        times["event_types"],
        ("event_type", "answered", "unanswered", "p50_ms", "p95_ms", "p99_ms"),
        "pf-types",
        labels={"event_type": "Type", "p50_ms": "P50", "p95_ms": "P95", "p99_ms": "P99"},
        picked=lambda row: filter_bar.choose(event_type=row["event_type"]),
        words="Response times by event type",
    )
with (
    right,
    card(
        "Time to the first event",
        "from a REQ to the first event it delivers",
        key="first",
        downloads=exports.links(reports.response_times, "first_event", arguments),
    ),
):
    if times["first_event"]["delivering"].any():
        charts.over_time(
            happened.over(history.first_events(times), user, times.meta), "pf-first", "Time to the first event"
        )
    else:
        st.caption(
            "No REQ delivered a stored event here." if filters.client is None else "Not kept by client, only for all."
        )

query_shapes(user, filters)
