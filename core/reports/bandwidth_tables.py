"""The tables of the bandwidth report: their columns, and their rows from what the queries found."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.reports.declaration import Column, Table
from core.reports.frame import Frame, ratio
from core.reports.query import Rows
from core.tariffs import Tariff, Usage

MEASURES = ("bytes_in", "bytes_out", "payload_in", "payload_out")
BYTES_IN, BYTES_OUT, PAYLOAD_IN, PAYLOAD_OUT = CARRIED = (
    Column("bytes_in", "wire bytes from clients: frame headers and compression included", "bytes"),
    Column("bytes_out", "wire bytes to clients", "bytes"),
    Column("payload_in", "bytes of the messages from clients themselves, uncompressed", "bytes"),
    Column("payload_out", "bytes of the messages to clients themselves, uncompressed", "bytes"),
)
RATIO = "wire bytes per payload byte: above 1 is overhead, below 1 is saved by compression; null without payload"

SUMMARY = Table(
    "summary",
    "one row: totals of the range",
    (
        *CARRIED,
        Column("bytes_total", "wire bytes in both directions", "bytes"),
        Column("payload_total", "payload bytes in both directions", "bytes"),
        Column("wire_ratio_in", RATIO),
        Column("wire_ratio_out", RATIO),
        Column("wire_ratio", RATIO),
        Column("mean_in", "mean over the time of the range that has passed", "bit/s"),
        Column("mean_out", "mean over the time of the range that has passed", "bit/s"),
        Column("mean_total", "mean over the time of the range that has passed", "bit/s"),
        Column(
            "delivery_share",
            "part of the wire bytes that belongs to no message: live events, pings, handshakes; 0 to 1",
        ),
        Column("currency", "of the tariff; null without one"),
        Column("cost_in", "transfer in, by the tariff, as if one client had caused all of it", "minor units"),
        Column("cost_out", "transfer out, by the tariff, as if one client had caused all of it", "minor units"),
        Column("cost", "cost_in + cost_out; fees and prices per message are in the billing report", "minor units"),
    ),
)
TIMELINE = Table(
    "timeline",
    "one row per bucket; empty ones are present with zero",
    (Column("timestamp", "beginning of the bucket"), *CARRIED),
)
EVENT_TYPE_BYTES = Table(
    "event_types",
    "bytes by event type, most wire bytes first",
    (
        Column("event_type", "verb of the message and its answers; `DELIVERY`: live events, pings, handshakes, …"),
        *CARRIED,
        Column("share", "part of all wire bytes, 0 to 1"),
    ),
)
PEAK = (
    BYTES_IN,
    BYTES_OUT,
    Column("bytes_total", "wire bytes in both directions", "bytes"),
    Column("mean", "mean", "bit/s"),
)
PEAK_HOURS = Table(
    "peak_hours", "the hours with the most wire bytes", (Column("timestamp", "beginning of the hour"), *PEAK)
)
PEAK_MINUTES = Table(
    "peak_minutes",
    "the minutes with the most wire bytes; empty for a single client or kind, whose minutes are not kept",
    (Column("timestamp", "beginning of the minute"), *PEAK),
)
CLIENTS = Table(
    "clients",
    "the clients with the most wire bytes",
    (
        Column("client_id", "name of the client"),
        BYTES_IN,
        BYTES_OUT,
        Column("share", "part of all wire bytes, 0 to 1"),
    ),
)


def summary_table(series: Rows, seconds: int, tariff: Tariff | None) -> pd.DataFrame:
    """`series`: rows of (step, event type, the four measures); `seconds`: what has passed of the range."""
    total = _totals(series)
    wire, payload = (
        np.array([total[0], total[1], total[0] + total[1]]),
        np.array([total[2], total[3], total[2] + total[3]]),
    )
    ratios, means = ratio(wire, payload), ratio(8 * wire, np.full(3, seconds))
    delivery = _totals([row for row in series if row[1] == "DELIVERY"])
    delivered = ratio(np.array([delivery[0] + delivery[1]]), wire[2:])
    lines = {} if tariff is None else tariff.lines(Usage(*(int(value) for value in total)))
    cost_in, cost_out = lines.get("cost_in"), lines.get("cost_out")
    cost = None if cost_in is None or cost_out is None else cost_in + cost_out
    return pd.DataFrame(
        {
            **{name: total[place : place + 1] for place, name in enumerate(MEASURES)},
            "bytes_total": wire[2:],
            "payload_total": payload[2:],
            "wire_ratio_in": ratios[:1],
            "wire_ratio_out": ratios[1:2],
            "wire_ratio": ratios[2:],
            "mean_in": means[:1],
            "mean_out": means[1:2],
            "mean_total": means[2:],
            "delivery_share": delivered,
            "currency": pd.array([None if tariff is None else tariff.currency], dtype="str"),
            "cost_in": pd.array([cost_in], dtype="Int64"),
            "cost_out": pd.array([cost_out], dtype="Int64"),
            "cost": pd.array([cost], dtype="Int64"),
        }
    )


def timeline_table(series: Rows, asked: Frame) -> pd.DataFrame:
    sums = asked.sums(series, len(MEASURES))
    return pd.DataFrame({"timestamp": asked.index, **{name: sums[:, place] for place, name in enumerate(MEASURES)}})


def event_types_table(series: Rows) -> pd.DataFrame:
    names = {row[1] for row in series}
    totals = {name: _totals([row for row in series if row[1] == name]) for name in names}
    ordered = sorted(names, key=lambda name: (-int(totals[name][:2].sum()), name))
    table = np.array([totals[name] for name in ordered], dtype=np.int64).reshape(-1, len(MEASURES))
    wire = table[:, 0] + table[:, 1]
    return pd.DataFrame(
        {
            "event_type": pd.array(ordered, dtype="str"),
            **{name: table[:, place] for place, name in enumerate(MEASURES)},
            "share": ratio(wire, np.full(len(wire), wire.sum())),
        }
    )


def peaks_table(rows: Rows, zone: ZoneInfo, seconds: int) -> pd.DataFrame:
    """`rows`: (bucket, bytes in, bytes out), in order; `seconds`: the width of a bucket."""
    index = pd.DatetimeIndex([row[0] for row in rows], dtype="datetime64[us, UTC]").tz_convert(zone)
    table = np.array([row[1:] for row in rows], dtype=np.int64).reshape(-1, 2)
    total = table.sum(axis=1)
    return pd.DataFrame(
        {
            "timestamp": index,
            "bytes_in": table[:, 0],
            "bytes_out": table[:, 1],
            "bytes_total": total,
            "mean": total * 8 / seconds,
        }
    )


def clients_table(rows: Rows, series: Rows) -> pd.DataFrame:
    """`rows`: (client_id, bytes in, bytes out), in order; shares are of all that is in `series`."""
    table = np.array([row[1:] for row in rows], dtype=np.int64).reshape(-1, 2)
    return pd.DataFrame(
        {
            "client_id": pd.array([row[0] for row in rows], dtype="str"),
            "bytes_in": table[:, 0],
            "bytes_out": table[:, 1],
            "share": ratio(table.sum(axis=1), np.full(len(table), _totals(series)[:2].sum())),
        }
    )


def only_client(client: str, series: Rows) -> Rows:
    """What the ranking of a single client is: its totals, if any."""
    total = _totals(series)
    return [(client, int(total[0]), int(total[1]))] if total[:2].any() else []


def _totals(series: Rows) -> npt.NDArray[np.int64]:
    table = np.array([row[2:] for row in series], dtype=np.int64).reshape(-1, len(MEASURES))
    return np.asarray(table.sum(axis=0), dtype=np.int64)
