"""The cards of the realtime page. Each takes the view and draws one part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pandas as pd
import streamlit as st

from core import formats
from core.charts import live as charts
from core.charts.happened import overlaid
from core.charts.parts import OVER, ROWS, spec, spec_with
from core.charts.theme import BLUE, ORANGE, TEAL, VIOLET
from core.reports import realtime
from dashboard import exports
from dashboard.components import Fact, card, colour, legend, legend_rows, meters, nothing_here, strip
from dashboard.error_list import error_list
from dashboard.live import View

NOTABLE = 0.10
"""A risk number that changed by less is not coloured."""
CHART_HEIGHT, SMALL_HEIGHT, RING_HEIGHT, TALL_HEIGHT, HOST_HEIGHT = 330, 186, 186, 232, 118


OVER_TIME = {
    "events": (charts.events, CHART_HEIGHT),
    "bandwidth": (charts.bandwidth, SMALL_HEIGHT),
    "latency": (charts.latency, SMALL_HEIGHT),
    "connections": (charts.connections, TALL_HEIGHT),
    "host": (charts.host, HOST_HEIGHT),
}


@st.cache_resource(show_spinner=False)
def _specs() -> dict[str, dict[str, Any]]:
    """The charts' specs, built once in the process."""
    plain = {name: spec(build, height=height) for name, (build, height) in OVER_TIME.items()}
    return plain | {"types": spec(charts.types, height=RING_HEIGHT)}


@st.cache_resource(show_spinner=False)
def _annotated_specs() -> dict[str, dict[str, Any]]:
    """The same of charts over time with what happened drawn over them."""
    return {name: spec_with(build, overlaid, height=height) for name, (build, height) in OVER_TIME.items()}


def _over_time(name: str, rows: pd.DataFrame, happened: pd.DataFrame, alt: str) -> None:
    """A chart over time. What happened has layers of its own only while there is something: most of the time not."""
    if happened.empty:
        st.vega_lite_chart(rows, _specs()[name], key=f"rt-{name}", alt=alt)
    else:
        drawn = _annotated_specs()[name] | {"datasets": {ROWS: rows, OVER: happened}}
        st.vega_lite_chart(None, drawn, key=f"rt-{name}", alt=alt)


def window_name(seconds: int) -> str:
    """`5 min` for 300."""
    return f"{seconds // 60} min"


def downloads(view: View, table: str, paused: bool) -> list[tuple[str, str]]:
    """CSV and JSON of a table: as it is at the click, or at the moment the page is paused at."""
    return exports.links(realtime, table, {"window": view.window, "at": view.at if paused else None})


def key_numbers(view: View) -> None:
    """Metric cards: the mean of the last ten seconds against the minute before it."""
    now = view.summary

    def number(
        label: str, covers: str, name: str, show: Callable[[float], str], trend: pd.Series, risk: bool = False
    ) -> None:
        new, old = now[name], now[f"previous_{name}"]
        notable = old == old and old > 0 and abs(new - old) / old > NOTABLE
        colour_: Literal["inverse", "off", "violet"] = ("inverse" if notable else "off") if risk else "violet"
        points = trend.astype("float64").interpolate(limit_area="inside").dropna().tail(90)
        moved = formats.change(new, old)
        st.metric(
            f"{label} :small[:gray[{covers}]]",
            show(new),
            moved,
            delta_color=colour_,
            delta_arrow="off" if moved == formats.UNCHANGED else "auto",
            border=True,
            height="stretch",
            chart_type="area",
            chart_data=points.rolling(3, min_periods=1).mean().round(3).tolist() if len(points) > 1 else None,
        )

    series, window = view.connections, window_name(view.window)
    with st.container(key="kpis-live"), st.grid(6, min_column_width=150, gap=12):
        number("Connections", "now", "active_connections", formats.count, series["active_connections"])
        number("Events / s", "10 s", "events_per_second", formats.rate, series["events_per_second"])
        number("Bytes out / s", "10 s", "bytes_out_per_second", formats.size, series["bytes_out_per_second"])
        number("Bytes in / s", "10 s", "bytes_in_per_second", formats.size, series["bytes_in_per_second"])
        number("Response p95", window, "response_time_p95_ms", formats.milliseconds, view.latency["p95"], risk=True)
        number("Errors / s", "10 s", "errors_per_second", formats.rate, series["errors_per_second"], risk=True)


def today(view: View) -> None:
    """The strip of totals."""
    now, zone = view.summary, view.meta.time_zone
    since = f"today, {zone}"
    with st.container(key="card-strip"):
        strip(
            [
                Fact("Peak connections", formats.count(now["peak_connections"]), since),
                Fact("Events", formats.count(now["events_today"]), since),
                Fact("Unique clients", formats.count(now["unique_clients_today"]), since),
                Fact("Errors", formats.count(now["errors_today"]), since),
                Fact("Unanswered", formats.count(now["unanswered"]), "last 2 min", alarm=now["unanswered"] > 0),
                Fact("Waiting for an answer", formats.count(now["pending"]), "now"),
            ]
        )


def events(view: View, happened: pd.DataFrame, paused: bool) -> None:
    """Events per second by type."""
    window = window_name(view.window)
    with card(
        "Events per second", f"by type, last {window}", key="events", downloads=downloads(view, "timeline", paused)
    ):
        if view.timeline.empty:
            nothing_here(f"No messages in the last {window}", CHART_HEIGHT + 30)
            return
        means = view.timeline.groupby("event_type", sort=False)["events_per_second"].mean()
        ranks = view.timeline.drop_duplicates("event_type").sort_values("rank")["event_type"]
        legend((str(name), formats.rate(means[name]), colour(str(name))) for name in ranks)
        _over_time("events", view.timeline, happened, "Events per second by type")


def types(view: View, paused: bool) -> None:
    """The ring of event types with its legend."""
    window = window_name(view.window)
    with card("Event types", f"last {window}", key="types", downloads=downloads(view, "event_types", paused)):
        if view.event_types.empty:
            nothing_here(f"No messages in the last {window}", RING_HEIGHT)
            return
        st.vega_lite_chart(view.event_types, _specs()["types"], key="rt-types", alt="Share of event types")
        legend_rows(
            (name, formats.count(events), formats.share(share), colour(name))
            for name, events, share in zip(
                view.event_types["event_type"], view.event_types["events"], view.event_types["share"], strict=True
            )
        )


def bandwidth(view: View, happened: pd.DataFrame, paused: bool) -> None:
    """Bytes out above the axis, bytes in below."""
    with card(
        "Bandwidth",
        f"wire bytes per second, last {window_name(view.window)}",
        key="bandwidth",
        downloads=downloads(view, "connections", paused),
    ):
        now = view.summary
        legend(
            [
                ("Out", f"{formats.size(now['bytes_out_per_second'])}/s", TEAL),
                ("In", f"{formats.size(now['bytes_in_per_second'])}/s", ORANGE),
            ]
        )
        _over_time("bandwidth", view.connections, happened, "Bytes out and in per second")


def latency(view: View, happened: pd.DataFrame, paused: bool) -> None:
    """Percentiles of the response time."""
    window = window_name(view.window)
    with card("Response time", f"last {window}", key="latency", downloads=downloads(view, "latency", paused)):
        now = view.summary
        shades = (BLUE, "rgba(59,136,236,.55)", "rgba(59,136,236,.3)")
        legend(
            (name, formats.milliseconds(now[f"response_time_{name}_ms"]), shade)
            for name, shade in zip(("p50", "p95", "p99"), shades, strict=True)
        )
        if view.latency["p50"].isna().all():
            nothing_here(f"Nothing was answered in the last {window}", SMALL_HEIGHT)
        else:
            _over_time("latency", view.latency, happened, "Response time percentiles")


def connections(view: View, happened: pd.DataFrame, paused: bool) -> None:
    """Open connections and their peaks."""
    with card(
        "Connections",
        f"last {window_name(view.window)}",
        key="connections",
        downloads=downloads(view, "connections", paused),
    ):
        now = view.summary
        legend(
            [
                ("Open", formats.count(now["active_connections"]), VIOLET),
                ("Peak today", formats.count(now["peak_connections"]), "rgba(124,92,255,.45)"),
            ]
        )
        _over_time("connections", view.connections, happened, "Open connections")


def host(view: View, happened: pd.DataFrame) -> None:
    """How the machine is doing."""
    now = view.summary
    with card("Host", "processor, memory and disk, now", key="host"):
        details = {
            "cpu_percent": "all cores",
            "memory_percent": f"{formats.size(now['memory_bytes'])} used",
            "disk_percent": f"{formats.size(now['disk_bytes'])} used",
        }
        meters((name, now[field], details[field], shade) for field, name, shade in charts.HOST_SERIES)
        _over_time("host", view.connections, happened, "Processor, memory and disk use")


def latest_errors(view: View, paused: bool) -> None:
    """The newest refusals and failures."""
    with card(
        "Latest errors",
        f"newest first, {view.meta.time_zone}",
        key="errors",
        downloads=downloads(view, "latest_errors", paused),
        fill=False,
    ):
        if view.latest_errors.empty:
            nothing_here("No errors in the last 7 days", 90)
        else:
            error_list(view.latest_errors, view.meta.end.date())
