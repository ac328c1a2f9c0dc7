"""Errors: what the relay refuses or fails at, to whom, and whether it grows."""

import streamlit as st

from core import formats, reports
from core.charts import history
from core.charts.theme import OTHER
from dashboard import auth, charts, exports, filter_bar, happened, kpis
from dashboard.components import card, colour_of, empty_state, legend, notes
from dashboard.data import earlier, load
from dashboard.error_list import error_list
from dashboard.tables import table

user = auth.require("admin", "analyst", "business")

filters = filter_bar.bar("Errors", ("event_type", "kind", "error_code", "client"))
errors = load(user, reports.errors, filters)
notes(errors)
timeline, codes = errors["timeline"], errors["error_codes"]
total, messages = int(timeline["errors"].sum()), int(timeline["events"].sum())
change = rate_change = None
past = earlier(user, reports.errors, filters, errors)
if past is not None:
    before, before_messages = (int(past["timeline"][name].sum()) for name in ("errors", "events"))
    change = total / before - 1 if before else None
    if before and messages:
        rate_change = (total / messages) / (before / before_messages) - 1
against = "vs before" if filters.compare else ""
most = codes.iloc[0] if len(codes) else None
unanswered = int(codes.loc[codes["error_code"] == "unanswered", "errors"].sum())

kpis.row(
    "errors",
    [
        kpis.Number("Errors", formats.count(total), change, against, timeline["errors"].tolist(), risk=True),
        kpis.Number(
            "Error rate",
            formats.percent(100 * total / messages if messages else None),
            rate_change,
            against,
            timeline["error_rate"].tolist(),
            risk=True,
            help="Messages with an error code, of all messages.",
        ),
        kpis.Number("Unanswered", formats.count(unanswered), risk=True, help="Messages without an answer in time."),
        kpis.Number(
            "Most frequent",
            formats.MISSING if most is None else str(most["error_code"]),
            help="The error code that most of them have.",
        ),
    ],
)
if not total:
    empty_state("No errors in this range", "Everything the relay was asked, it answered without an error code.")
    st.stop()

arguments = filters.arguments(reports.errors, errors.meta.generated_at)
shown = [*codes["error_code"].head(history.MOST_CODES)]
with card(
    "Errors over time",
    f"by code, per {errors.meta.granularity}; drag to zoom",
    key="errors",
    downloads=exports.links(reports.errors, "error_codes_over_time", arguments, "errors"),
):
    counts = codes.set_index("error_code")["errors"]
    items = [(name, formats.count(counts[name]), colour_of(place)) for place, name in enumerate(shown)]
    rest = total - int(counts[shown].sum())
    legend([*items, (OTHER, formats.count(rest), colour_of(len(shown)))] if rest else items)
    charts.over_time(happened.over(history.errors(errors), user, errors.meta), "er-errors", "Errors over time by code")

left, middle, right = st.columns([1, 1, 1.35], gap="small")
with (
    left,
    card(
        "By code",
        "select one to filter",
        key="codes",
        downloads=exports.links(reports.errors, "error_codes", arguments),
    ),
):
    table(
        reports.errors,
        "error_codes",
        codes,
        ("error_code", "errors"),
        "er-codes",
        labels={"error_code": "Code"},
        bar="errors",
        words="Errors by code",
        picked=lambda row: filter_bar.choose(error_code=row["error_code"]),
    )
with (
    middle,
    card(
        "By event type",
        "select one to filter",
        key="types",
        downloads=exports.links(reports.errors, "event_types", arguments),
    ),
):
    table(
        reports.errors,
        "event_types",
        errors["event_types"],
        ("event_type", "errors", "error_rate"),
        "er-types",
        labels={"event_type": "Type", "error_rate": "Rate"},
        bar="errors",
        words="Errors by event type",
        picked=lambda row: filter_bar.choose(event_type=row["event_type"]),
    )
with (
    right,
    card(
        "By client",
        "select one to filter",
        key="clients",
        downloads=exports.links(reports.errors, "clients", arguments),
    ),
):
    table(
        reports.errors,
        "clients",
        errors["clients"],
        ("client_id", "errors", "error_code"),
        "er-clients",
        labels={"client_id": "Client", "error_code": "Mostly"},
        bar="errors",
        words="Clients with the most errors",
        picked=lambda row: filter_bar.choose(client=row["client_id"]),
    )

with card(
    "Latest errors",
    f"newest first, {errors.meta.time_zone}",
    key="latest",
    downloads=exports.links(reports.errors, "latest_errors", arguments),
    fill=False,
):
    error_list(errors["latest_errors"], errors.meta.generated_at.astimezone(errors.meta.end.tzinfo).date())
