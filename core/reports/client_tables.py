"""The tables of the report of one client: their columns, units and meanings."""

from __future__ import annotations

from core.reports import realtime_tables
from core.reports.clients import MEASURES
from core.reports.comparison import COMPARISON
from core.reports.declaration import Column, Table
from core.reports.kinds import KIND_COLUMNS

COUNTS = MEASURES
TIMES = (
    Column("error_rate", "errors per message, 0 to 1; null where there was no message"),
    Column("mean_ms", "mean response time; null where nothing was answered", "ms"),
    Column("p50_ms", "median response time", "ms"),
    Column("p95_ms", "95th percentile of the response time", "ms"),
    Column("p99_ms", "99th percentile of the response time", "ms"),
)

SUMMARY = Table(
    "summary",
    "one row: who the client is, and its totals over the range",
    (
        Column("client_id", "stable name of the client"),
        Column("name", "what the operator calls it; null when it has no name"),
        Column("identity", "what names it: pubkey, key or address"),
        Column("first_seen", "when the client was first seen, ever"),
        Column("last_seen", "when it was last seen, ever"),
        *COUNTS,
        *TIMES,
        Column("sessions", "connections that ended", "connections"),
        Column("session_mean_seconds", "mean length of these connections; null where none ended", "seconds"),
        Column("active_hours", "hours in which the client sent a message", "hours"),
    ),
)
TIMELINE = Table(
    "timeline",
    "one row per bucket; empty ones are present with zero",
    (
        Column("timestamp", "beginning of the bucket"),
        *COUNTS,
        *TIMES,
        Column("sessions", "connections that ended", "connections"),
    ),
)
TYPES = Table(
    "event_types",
    "breakdown by event type, most frequent first; without what connections carried beside messages",
    (
        Column("event_type", "verb of the message"),
        *COUNTS,
        *TIMES,
        Column("share", "part of all its messages, 0 to 1"),
    ),
)
KINDS = Table(
    "kinds", "EVENT messages of the client by Nostr kind, most frequent first; empty unless asked for", KIND_COLUMNS
)
CODES = Table(
    "error_codes",
    "errors of all event types by code, most frequent first",
    (
        Column("error_code", "normalised prefix of the refusal; `unanswered` when no answer came in time"),
        Column("errors", "messages with this error code", "events"),
        Column("share", "part of all its errors, 0 to 1"),
    ),
)
PATTERN = Table(
    "pattern",
    "when the client is active: one row per day of the week and hour, on the clock of the reporting zone",
    (
        Column("weekday", "day of the week, 1 is Monday"),
        Column("hour", "hour of the day, 0 to 23"),
        Column("events", "client messages", "events"),
        Column("active_hours", "such hours of the range in which it sent a message", "hours"),
    ),
)
LATEST_ERRORS = Table(
    "latest_errors",
    "the newest errors of the range of all event types, as many as asked for, while raw rows are kept",
    realtime_tables.ERRORS.columns,
)

TABLES = (SUMMARY, TIMELINE, TYPES, KINDS, CODES, PATTERN, COMPARISON, LATEST_ERRORS)
