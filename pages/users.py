"""Users: how many there are, who is new, who returns, and how many of those that came stay."""

import streamlit as st

from core import formats, reports
from core.charts import people
from core.charts.theme import NEUTRAL, TEAL, VIOLET
from dashboard import auth, charts, exports, filter_bar, happened, kpis
from dashboard.components import card, empty_state, legend, notes
from dashboard.data import load
from dashboard.tables import table

user = auth.require("admin", "analyst", "business")

filters = filter_bar.bar("Users", ("event_type", "kind"))
users = load(user, reports.users, filters)
against = "vs before" if filters.compare else ""
notes(users)
summary, timeline = users["summary"].iloc[0], users["timeline"]
done = timeline.iloc[:-1] if len(timeline) > 2 else timeline

kpis.row(
    "users",
    [
        kpis.Number(
            "Unique clients", formats.count(summary["clients"]), summary["change"], against, done["clients"].tolist()
        ),
        kpis.Number("New", formats.count(summary["new"]), summary["change_new"], against, done["new"].tolist()),
        kpis.Number("Returning", formats.count(summary["returning"]), trend=done["returning"].tolist()),
        kpis.Number(
            "Growth",
            formats.relative(summary["growth"]) or formats.MISSING,
            trend=done["known"].tolist(),
            help="New clients relative to all those known before the range.",
        ),
        kpis.Number(
            "Known",
            formats.count(summary["known_before"] + summary["new"]),
            trend=done["known"].tolist(),
            help="Unique clients ever, until the end of the range.",
        ),
    ],
)
if not summary["clients"]:
    empty_state("No clients in this range", "Choose a wider range, or take the filter off.")
    st.stop()

arguments = filters.arguments(reports.users, users.meta.generated_at)
width = users.meta.granularity
with card(
    "Clients over time",
    f"per {width}; drag to zoom",
    key="growth",
    downloads=exports.links(reports.users, "timeline", arguments, "users"),
):
    legend(
        [
            ("New", formats.count(summary["new"]), TEAL),
            ("Returning", formats.count(summary["returning"]), VIOLET),
            (f"Lost since the {width} before", "", NEUTRAL),
        ]
    )
    charts.over_time(
        happened.over(people.users(users), user, users.meta), "us-growth", "New, returning and lost clients over time"
    )

with card(
    "Retention",
    "share of those first seen in a row that were active again so many periods later",
    key="retention",
    downloads=exports.links(reports.users, "cohorts", arguments, "retention"),
):
    if not users["cohorts"]["size"].any():
        st.caption("Nobody was seen for the first time in this range.")
    else:
        dark = st.context.theme.type == "dark"
        st.altair_chart(people.retention(users, dark=dark), key="us-retention", alt="Retention by cohort")

with card(
    f"By {width}", "newest first", key="rows", downloads=exports.links(reports.users, "timeline", arguments), fill=False
):
    table(
        reports.users,
        "timeline",
        timeline.iloc[::-1],
        ("timestamp", "clients", "new", "returning", "lost", "known"),
        "us-rows",
        labels={"timestamp": width.capitalize() if width else "Time"},
        words="Clients per bucket",
    )
