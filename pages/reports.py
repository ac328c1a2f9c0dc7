"""Reports: any table of any report as a file, and the raw events behind them."""

import streamlit as st

from core import export, reports
from core.export.columns import COLUMNS
from dashboard import auth, exports, filter_bar
from dashboard.components import card, link_row, notes
from dashboard.data import load
from dashboard.filters import call
from dashboard.places import now
from dashboard.tables import table

user = auth.require("admin", "analyst", "business")

OFFERED = ("event_type", "kind", "client", "error_code")
PREVIEW = 200
names = [name for name in reports.REPORTS if name not in ("realtime", "billing", "client")]

filters = filter_bar.bar("Reports", OFFERED)
with st.container(key="report-choice", horizontal=True, gap="small"):
    name = st.selectbox("Report", names, key="report", bind="query-params", width=220)
    report = reports.REPORTS[name]
    tables = [one.name for one in report.tables]
    chosen = st.selectbox("Table", tables, key="table", bind="query-params", width=260)

result = load(user, report, filters)
notes(result)
declared = next(one for one in report.tables if one.name == chosen)
arguments = filters.arguments(report, result.meta.generated_at)
ignored = filters.ignored_by(report)
with card(
    f"{report.title}: {chosen.replace('_', ' ')}",
    declared.meaning + (f"; not filtered by {', '.join(ignored)}" if ignored else ""),
    key="preview",
    downloads=exports.links(report, chosen, arguments),
    fill=False,
):
    frame = result[chosen]
    table(report, chosen, frame.head(PREVIEW), list(frame.columns), f"re-{name}-{chosen}", words=declared.meaning)
    st.caption(
        f"{len(frame):,} rows" + (f", the first {PREVIEW} shown; a download has all." if len(frame) > PREVIEW else ".")
    )

left, right = st.columns(2, gap="small")
with left, card("Columns", "what they mean", key="columns"):
    rows = [
        {"column": column.name, "unit": column.unit or "", "meaning": column.meaning} for column in declared.columns
    ]
    st.dataframe(
        rows,
        hide_index=True,
        row_height=32,
        key=f"re-columns-{name}-{chosen}",
        column_config={
            "column": st.column_config.TextColumn("Column", width=150),
            "unit": st.column_config.TextColumn("Unit", width=90),
            "meaning": st.column_config.TextColumn("Meaning", width="large"),
        },
    )
with right, card("In a notebook", "the call that gives this very table", key="notebook"):
    st.code(call(report, arguments, chosen), language=None, wrap_lines=True)
    st.caption("With the settings of this installation; docs/analysts.md has more.")

with card("Raw events", "one row per client message, streamed; the range and filters above", key="raw", fill=False):
    start, end = filters.span(now())
    link_row(exports.raw_links(start, end, filters))
    st.caption(f"Columns: {', '.join(column.name for column in COLUMNS)}. Formats: {', '.join(export.FORMATS)}.")
