"""What a rule can watch: every measure, declared once. Pages, the API, the command and docs/alerts.md read it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal[
    "percent", "per second", "bytes per second", "ms", "seconds", "connections", "clients", "records", "days"
]
Source = Literal["samples", "traffic", "latency", "clients", "ingest", "disk"]
"""Where it is read: the taps' samples, roll-ups of traffic, latency bins, bits of active clients, what became of
records, the trend of the disk."""
Filter = Literal["event_type", "kind", "client", "error_code"]
Part = Literal["messages", "errors", "unanswered", "bytes", "slow", "waiting", "tables", "reasons", "taps"]
"""What is counted to say why: see `causes`."""

EVERY: tuple[Filter, ...] = ("event_type", "kind", "client")


@dataclass(frozen=True)
class Measure:
    """`filters`: what it can be narrowed to; `window`: whether it is taken over a window; `baseline`: whether hours of
    past weeks are known of it; `history`: the grain in seconds at which its past is known (None: it is not)."""

    name: str
    title: str
    unit: Unit
    meaning: str
    source: Source
    part: Part
    filters: tuple[Filter, ...] = ()
    window: bool = True
    baseline: bool = False
    history: int | None = None


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            "events_per_second", "Events per second", "per second",
            "client messages per second, mean of the window", "samples", "messages", EVERY, baseline=True, history=60,
        ),
        Measure(
            "bytes_per_second", "Bytes per second", "bytes per second",
            "wire bytes in and out per second, mean of the window", "samples", "bytes", EVERY, baseline=True,
            history=60,
        ),
        Measure(
            "connections", "Connections", "connections",
            "open WebSocket connections, mean of the window", "samples", "messages", baseline=True, history=60,
        ),
        Measure(
            "waiting_seconds", "Wait for an answer", "seconds",
            "messages that wait for an answer, divided by messages per second (Little's law, L = λW: Little 1961): how "
            "long a message waits on average. It grows at once when answers stop, before any message times out",
            "samples", "waiting",
        ),
        Measure(
            "error_share", "Error rate", "percent",
            "messages with an error code, of all messages of the window", "traffic", "errors", EVERY, baseline=True,
            history=60,
        ),
        Measure(
            "error_code_rate", "Rate of an error code", "per second",
            "messages with the rule's error code per second; without one, with any", "traffic", "errors",
            ("event_type", "client", "error_code"), history=3600,
        ),
        Measure(
            "unanswered_share", "Unanswered rate", "percent",
            "messages that got no answer within TAP_ANSWER_TIMEOUT, of those that want one (EVENT, REQ, COUNT, AUTH, "
            "NEG-OPEN, NEG-MSG); the window ends that long ago, for until then nobody can know",
            "traffic", "unanswered", EVERY, history=60,
        ),
        Measure(
            "response_time_p95", "Response time p95", "ms",
            "95th percentile of the response times of the window, at most 0.75% off", "latency", "slow",
            ("event_type",), baseline=True, history=3600,
        ),
        Measure(
            "unique_clients", "Unique clients", "clients",
            "distinct clients that sent a message within the last whole hour of UTC", "clients", "messages",
            window=False, baseline=True, history=3600,
        ),
        Measure("cpu_percent", "CPU", "percent", "processor use of the host, all cores, mean of the window", "samples",
                "messages", history=60),
        Measure("memory_percent", "Memory", "percent", "memory use of the host, mean of the window", "samples",
                "messages", history=60),
        Measure("disk_percent", "Disk", "percent", "use of the file system of DATA_DIR, newest of the window",
                "samples", "tables", history=60),
        Measure(
            "disk_full_days", "Days until the disk is full", "days",
            "the free part of the file system of DATA_DIR divided by its robust growth (Theil 1950, Sen 1968): of the "
            "last 6 hours or of the last 7 days, whichever is full sooner; unknown while nothing grows",
            "disk", "tables", window=False,
        ),
        Measure(
            "spool_wait_seconds", "Ingest lag", "seconds",
            "how long the oldest batch of this machine's spools has waited for the database", "ingest", "reasons",
            window=False,
        ),
        Measure("spool_percent", "Spool fill", "percent",
                "size of the fullest spool of this machine, of SPOOL_MAX_BYTES", "ingest", "reasons", window=False),
        Measure("dropped_records", "Dropped records", "records",
                "records dropped within the window, because a bound was reached", "ingest", "reasons"),
        Measure("quarantined_records", "Refused records", "records",
                "records that were refused within the window (table quarantine)", "ingest", "reasons"),
        Measure(
            "tap_silence", "Silence of a tap", "seconds",
            "age of the newest batch of the tap worker that has been silent longest. Workers that stopped in order do "
            "not count, nor those silent for a day; unknown while batches wait in this machine's spools",
            "ingest", "taps", window=False,
        ),
        Measure("data_age", "Age of the data", "seconds",
                "time since the newest sample of the slowest tap worker that reported lately", "ingest", "taps",
                window=False),
    )
}  # fmt: skip
