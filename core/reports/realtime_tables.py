"""The tables of the realtime report: their columns, units and meanings."""

from __future__ import annotations

from datetime import timedelta

from core.reports.declaration import Column, Table

LATEST_ERRORS = 50
ERRORS_SINCE = timedelta(days=7)

SUMMARY = Table(
    "summary",
    "one row of live numbers",
    (
        Column("active_connections", "WebSocket connections open now", "connections"),
        Column("peak_connections", "most connections at once today", "connections"),
        Column("events_per_second", "client messages, mean of the last 10 s", "per second"),
        Column("events_today", "client messages since the day began in the reporting zone", "events"),
        Column("unique_clients_today", "distinct clients since the day began", "clients"),
        Column("errors_today", "messages with an error code since the day began", "events"),
        Column("unanswered", "messages of the last 120 s that got no answer in time", "events"),
        Column("pending", "messages that wait for their answer now", "events"),
        Column("bytes_in_per_second", "wire bytes from clients, mean of the last 10 s", "bytes per second"),
        Column("bytes_out_per_second", "wire bytes to clients, mean of the last 10 s", "bytes per second"),
        Column("response_time_p50_ms", "median response time over the window", "ms"),
        Column("response_time_p95_ms", "95th percentile of the response time over the window", "ms"),
        Column("response_time_p99_ms", "99th percentile of the response time over the window", "ms"),
        Column("errors_per_second", "messages with an error code, mean of the last 10 s", "per second"),
        Column("cpu_percent", "processor use of the host, all cores", "percent"),
        Column("memory_percent", "memory use of the host", "percent"),
        Column("memory_bytes", "memory use of the host", "bytes"),
        Column("disk_percent", "use of the file system that holds the data", "percent"),
        Column("disk_bytes", "use of the file system that holds the data", "bytes"),
        Column("previous_active_connections", "mean of the minute before the last 10 s", "connections"),
        Column("previous_events_per_second", "mean of the minute before the last 10 s", "per second"),
        Column("previous_bytes_in_per_second", "mean of the minute before the last 10 s", "bytes per second"),
        Column("previous_bytes_out_per_second", "mean of the minute before the last 10 s", "bytes per second"),
        Column("previous_errors_per_second", "mean of the minute before the last 10 s", "per second"),
        Column("previous_response_time_p95_ms", "95th percentile over the first half of the window", "ms"),
    ),
)
EVENT_TYPE_SHARES = Table(
    "event_types",
    "breakdown by event type over the window, largest first",
    (
        Column("event_type", "verb of the client message"),
        Column("events", "client messages", "events"),
        Column("share", "part of all client messages, 0 to 1"),
        Column("bytes", "wire bytes in and out", "bytes"),
    ),
)
TIMELINE = Table(
    "timeline",
    "client messages per second and event type; steps without any are present with zero",
    (
        Column("timestamp", "beginning of the step"),
        Column("event_type", "verb of the client message"),
        Column("events_per_second", "client messages, mean of the step", "per second"),
    ),
)
CONNECTIONS = Table(
    "connections",
    "connections, transfer and host over the window",
    (
        Column("timestamp", "beginning of the step"),
        Column("active_connections", "open at the end of the step", "connections"),
        Column("peak_connections", "most at once within the step", "connections"),
        Column("events_per_second", "client messages, mean of the step", "per second"),
        Column("bytes_in_per_second", "wire bytes from clients, mean of the step", "bytes per second"),
        Column("bytes_out_per_second", "wire bytes to clients, mean of the step", "bytes per second"),
        Column("errors_per_second", "messages with an error code, mean of the step", "per second"),
        Column("unanswered", "messages of the step that got no answer in time", "events"),
        Column("cpu_percent", "processor use of the host, all cores", "percent"),
        Column("memory_percent", "memory use of the host", "percent"),
        Column("disk_percent", "use of the file system that holds the data", "percent"),
    ),
)
LATENCY = Table(
    "latency",
    "response times over the window; null where nothing was answered",
    (
        Column("timestamp", "beginning of the step"),
        Column("p50", "median response time", "ms"),
        Column("p95", "95th percentile", "ms"),
        Column("p99", "99th percentile", "ms"),
    ),
)
ERRORS = Table(
    "latest_errors",
    f"the newest messages that went wrong, at most {LATEST_ERRORS} of the last {ERRORS_SINCE.days} days",
    (
        Column("timestamp", "when the message arrived"),
        Column("event_type", "verb of the client message"),
        Column("kind", "kind of the Nostr event, for EVENT"),
        Column("client_id", "the client that sent it"),
        Column("error_code", "normalised prefix of the refusal"),
        Column("outcome", "rejected, failed, unanswered, abandoned, …"),
        Column("reason", "sample of the relay's own words"),
        Column("response_time_ms", "time to the refusal", "ms"),
        Column("relay", "name of the relay"),
    ),
)

TABLES = (SUMMARY, EVENT_TYPE_SHARES, TIMELINE, CONNECTIONS, LATENCY, ERRORS)
