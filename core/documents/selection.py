"""What of each report a document shows: its headline numbers, and its tables with the columns that fit a page.

Files (CSV, JSON, XLSX) have every column of every table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.charts.theme import NEUTRAL, ORANGE, TEAL, VIOLET


@dataclass(frozen=True)
class Selection:
    """`facts`: columns of the first row of the table `summary`, or totals of the timeline where that is `comparison` or
    `timeline`. `about`: the fact that is zero when nothing happened; `tables`: table → columns, in their order."""

    summary: str
    about: str
    facts: tuple[str, ...]
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


CHARTS = {
    "traffic": "Messages by type", "users": "New, returning and lost clients", "retention": "Clients who come back",
    "bandwidth": "Traffic in and out", "response_times": "Response times", "errors": "Errors by code",
    "outcomes": "What became of its messages",
    "connections": "Open connections", "session_lengths": "How long connections last", "clients": "Busiest clients",
    "billing": "Largest bills", "active_hours": "When it is active",
}  # fmt: skip
"""What the charts of reports are called."""
LEGENDS = {
    "users": (("Returning", VIOLET), ("New", TEAL), ("Lost since the one before", NEUTRAL)),
    "bandwidth": (("Out", TEAL), ("In", ORANGE)),
    "connections": (("Mean", VIOLET), ("Peak (dashed)", VIOLET)),
}  # fmt: skip
"""The series of charts that carry no legend of their own, and their colours."""
TABLES = {
    "event_types": "By type of message", "kinds": "By kind of event", "error_codes": "By error", "clients": "By client",
    "peak_hours": "Busiest hours", "session_lengths": "Length of connections", "shapes": "By query shape",
    "adjustments": "Adjustments",
}  # fmt: skip
"""What tables are called; a timeline is called after its buckets."""
TIMELINES = {"hour": "Hour by hour", "day": "Day by day", "week": "Week by week", "month": "Month by month"}
BYTES = ("bytes_in", "bytes_out")
PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")
SELECTIONS: Mapping[str, Selection] = {
    "traffic": Selection(
        "comparison",
        "events",
        ("events", "errors", "unanswered", "events_out", *BYTES),
        {
            "event_types": ("event_type", "events", "share", "errors", "unanswered", *BYTES),
            "timeline": ("timestamp", "events", "errors", "unanswered", *BYTES),
            "kinds": ("kind", "events", "errors", "bytes_in"),
        },
    ),
    "users": Selection(
        "summary",
        "clients",
        ("clients", "new", "returning", "known_before"),
        {"timeline": ("timestamp", "clients", "new", "returning", "lost")},
    ),
    "bandwidth": Selection(
        "summary",
        "bytes_total",
        ("bytes_total", *BYTES, "mean_total", "cost"),
        {
            "event_types": ("event_type", *BYTES, "share"),
            "clients": ("client_id", *BYTES, "share"),
            "peak_hours": ("timestamp", *BYTES, "bytes_total", "mean"),
            "timeline": ("timestamp", *BYTES),
        },
    ),
    "response_times": Selection(
        "summary",
        "answered",
        ("answered", "unanswered", *PERCENTILES),
        {
            "event_types": ("event_type", "answered", "unanswered", *PERCENTILES),
            "timeline": ("timestamp", "answered", "unanswered", *PERCENTILES),
        },
    ),
    "shapes": Selection(
        "summary",
        "messages",
        ("messages", "counted"),
        {"shapes": ("event_type", "shape", "share", "messages", "unanswered", "p50_ms", "p95_ms")},
    ),
    "errors": Selection(
        "timeline",
        "errors",
        ("events", "errors"),
        {
            "error_codes": ("error_code", "errors", "share"),
            "event_types": ("event_type", "events", "errors", "error_rate"),
            "clients": ("client_id", "errors", "share", "error_code"),
            "timeline": ("timestamp", "events", "errors", "error_rate"),
        },
    ),
    "connections": Selection(
        "summary",
        "peak_connections",
        ("active_connections", "peak_connections", "opened", "p50_seconds", "cpu_percent_max", "memory_percent_max"),
        {
            "session_lengths": ("length", "sessions", "share"),
            "timeline": ("timestamp", "active_connections", "peak_connections", "opened", "cpu_percent_max"),
        },
    ),
    "clients": Selection(
        "summary",
        "clients",
        ("clients",),
        {"clients": ("rank", "client_id", "name", "events", "error_rate", "bytes", "share", "last_seen")},
    ),
    "client": Selection(
        "summary",
        "events",
        ("events", "errors", "p95_ms", *BYTES, "sessions"),
        {
            "event_types": ("event_type", "events", "share", "errors", "p95_ms", *BYTES),
            "error_codes": ("error_code", "errors", "share"),
            "timeline": ("timestamp", "events", "errors", "p95_ms", *BYTES),
            "kinds": ("kind", "events", "errors", "bytes_in"),
        },
    ),
    "billing": Selection(
        "totals",
        "clients",
        ("clients", "accepted", "reqs", "delivered", "bytes_out", "cost"),
        {
            "clients": ("client_id", "name", "accepted", "reqs", "delivered", *BYTES, "cost"),
            "adjustments": ("number", "made_at", "reason", "client_id", "cost"),
        },
    ),
}
