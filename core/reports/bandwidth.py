"""The bandwidth report: bytes over time, by event type, by client, the busiest hours and minutes, and their cost."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from core.periods import Period
from core.records import EVENT_TYPES
from core.reports import comparison as comparing
from core.reports import frame as framing
from core.reports.bandwidth_tables import (
    CLIENTS,
    EVENT_TYPE_BYTES,
    MEASURES,
    PEAK_HOURS,
    PEAK_MINUTES,
    SUMMARY,
    TIMELINE,
    clients_table,
    event_types_table,
    only_client,
    peaks_table,
    summary_table,
    timeline_table,
)
from core.reports.configured import Configured, tariff_of
from core.reports.declaration import Parameter, Report, Result
from core.reports.frame import Day, Frame
from core.reports.kinds import kept_from
from core.reports.minutes import kept_minutes
from core.reports.query import Read, Rows, snapshot
from core.storage.client_kind_sums import kind_sums
from core.storage.client_sums import client_sums
from core.storage.database import Database
from core.tariffs import Tariff

DELIVERY = "DELIVERY"
TYPES = (*EVENT_TYPES, DELIVERY)
TOP, MOST_TOP = 20, 1000
PEAKS, MOST_PEAKS = 10, 100
NO_TARIFF = (
    'No tariff is set, so there is no cost: set TARIFF, for example {"currency": "EUR", "per_gb_out": "0.05"}; '
    "see docs/billing.md."
)
QUERIES = {
    (False, False): ("bandwidth_over_time", "peak_hours"),
    (True, False): ("bandwidth_of_client", "peak_hours_of_client"),
    (False, True): ("bandwidth_of_kind", "peak_hours_of_kind"),
    (True, True): ("bandwidth_of_client_and_kind", "peak_hours_of_client_and_kind"),
}
"""Over time, and the peaks: of a client, of a kind."""
NO_MINUTES = "Minutes are not kept by client, so there are no peak minutes of a single one; its peak hours are there."
NO_MINUTES_OF_KINDS = (
    "Minutes are not kept by kind, so there are no peak minutes of a single one; its peak hours are there."
)


def run(
    database: Database,
    now: datetime,
    start: Day,
    end: Day,
    granularity: str = "auto",
    time_zone: str = "UTC",
    event_type: str | None = None,
    kind: int | None = None,
    client: str | None = None,
    compare: bool = True,
    top: int = TOP,
    peaks: int = PEAKS,
    tariff: Tariff | Configured | None = "configured",
) -> Result:
    """Bytes of a range; every wire byte of a connection is in exactly one row of `event_types`.

    Raises BadParameterError and DatabaseUnavailableError.
    """
    filters = {
        "event_type": framing.checked_event_type(event_type, TYPES),
        "kind": framing.checked_kind(kind, event_type),
        "client": client,
    }
    most = {
        "top": framing.checked_count("top", top, MOST_TOP),
        "peaks": framing.checked_count("peaks", peaks, MOST_PEAKS),
    }
    prices = tariff_of(tariff)
    over_time, peak_hours = QUERIES[client is not None, kind is not None]
    with snapshot(database) as read:
        hours_from = framing.kept_hours_from(read)
        needed = framing.ENDS if client is None else framing.EDGES
        asked = framing.frame(start, end, granularity, time_zone, hours_from, needed)
        span = {"start": asked.period.start, "end": asked.period.end} | filters | most
        current, previous, of_before = comparing.compared(asked, now, hours_from if client is not None else None)
        series_ahead = read.ahead(over_time, asked.parameters | filters)
        periods = (current, previous) if compare else ()
        totals = [read.ahead(over_time, comparing.total(period) | filters) for period in periods]
        hours_start, of_hours = framing.since_hours(asked, "peak hours are those")
        if client is None:
            hours_start, of_hours = asked.period.start, []
        hours_ahead = read.ahead(peak_hours, span | {"start": hours_start})
        newest_ahead = read.ahead(*framing.newest_query(now))
        minutes: Rows = []
        ranking: Rows = []
        of_minutes: list[str] = []
        if client is None:
            minutes_from, of_minutes = kept_minutes(read, "traffic_minute", asked.period, "peak minutes")
            minutes_ahead = read.ahead("peak_minutes", span | {"start": minutes_from}) if kind is None else list
            ranking = _ranking(read, asked.period, event_type, kind, top)
            minutes = minutes_ahead()
        series, hours, newest = series_ahead(), hours_ahead(), newest_ahead()
        if client is not None:
            ranking = only_client(client, series)
        notes = kept_from(read, asked.period, kind)
        compared, before = (total() for total in totals) if compare else ([], [])
    notes += of_hours + (of_before if compare else [])
    notes += [] if prices is not None else [NO_TARIFF]
    notes += of_minutes if kind is None else []
    notes += [NO_MINUTES] if client is not None else [NO_MINUTES_OF_KINDS] if kind is not None else []
    zone = asked.period.zone
    return Result(
        framing.meta("bandwidth", asked, database, now, newest, notes=notes),
        {
            "summary": summary_table(series, _elapsed(asked, now), prices),
            "timeline": timeline_table(series, asked),
            "event_types": event_types_table(series),
            "peak_hours": peaks_table(hours, zone, 3600),
            "peak_minutes": peaks_table(minutes, zone, 60),
            "clients": clients_table(ranking, series),
            "comparison": comparing.comparison(MEASURES, compared, before, previous, compare=compare),
        },
    )


def _ranking(read: Read, period: Period, event_type: str | None, kind: int | None, top: int) -> Rows:
    """(client_id, bytes in, bytes out) of the clients with the most wire bytes, in order."""
    measures = ("bytes_in", "bytes_out")
    if kind is None:
        found = client_sums(read, period.start, period.end, measures, event_type)
    else:
        found = kind_sums(read, period.start, period.end, measures, kind)
    bytes_in, bytes_out = found.measures["bytes_in"], found.measures["bytes_out"]
    order = np.lexsort((found.clients, -(bytes_in + bytes_out)))[:top]
    order = order[bytes_in[order] + bytes_out[order] > 0]
    names = {row[0]: row[1] for row in read("client_names", {"clients": found.clients[order].tolist()})}
    leading = np.stack((found.clients, bytes_in, bytes_out), axis=1)[order].tolist()
    return [(names[number], received, sent) for number, received, sent in leading]


def _elapsed(asked: Frame, now: datetime) -> int:
    """Whole seconds of the range that have passed at `now`."""
    return max(int((min(asked.period.end, now) - asked.period.start).total_seconds()), 0)


bandwidth = Report(
    name="bandwidth",
    title="Bandwidth",
    meaning="Bytes in and out over time, by event type and client, the busiest hours and minutes, and their cost",
    parameters=(
        *framing.RANGE,
        Parameter("event_type", f"only bytes of this verb; `{DELIVERY}`: those that belong to no message", None, TYPES),
        framing.KIND,
        framing.CLIENT,
        comparing.COMPARE,
        Parameter("top", f"how many clients to list, 1 to {MOST_TOP}", TOP),
        Parameter("peaks", f"how many of the busiest hours and minutes to list, 1 to {MOST_PEAKS}", PEAKS),
    ),
    tables=(SUMMARY, TIMELINE, EVENT_TYPE_BYTES, PEAK_HOURS, PEAK_MINUTES, CLIENTS, comparing.COMPARISON),
    run=run,
    charts={"bandwidth": "core.charts.transfer:bandwidth"},
)
