"""The rules that are on from the start. An operator's edits are kept apart (see `store`), so these may get better."""

from __future__ import annotations

from core.alerts.rules import Filters, Rule

DEFAULTS: tuple[Rule, ...] = (
    Rule(
        name="answers-stopped", title="Answers have stopped", measure="waiting_seconds", threshold=5, recover=2,
        window=10, hold=5, recover_after=20, minimum=20, severity="critical",
        advice="The relay takes messages and does not answer them. See its log and its load; the clients and kinds "
        "named here are what waits.",
    ),
    Rule(
        name="unanswered", title="Messages stay unanswered", measure="unanswered_share", threshold=5, recover=2,
        window=300, hold=30, minimum=100, severity="critical",
        advice="Clients wait in vain. See the relay's log; the page Errors shows which verbs it is.",
    ),
    Rule(
        name="errors", title="Many messages fail", measure="error_share", threshold=25, recover=15, window=300, hold=60,
        minimum=200,
        advice="Read the relay's own words under Latest errors. A wave of spam that is refused is not a fault.",
    ),
    Rule(
        name="relay-fails", title="The relay reports its own errors", measure="error_code_rate",
        filters=Filters(error_code="error"), threshold=1, recover=0.2, window=300, hold=60,
        advice="The prefix error: means that the relay could not do what it was asked: its disk, its database.",
    ),
    Rule(
        name="slow", title="Answers are slow", measure="response_time_p95", threshold=2000, recover=1000, window=300,
        hold=120, minimum=100,
        advice="See the page Performance for which verb it is, and the host's processor and disk.",
    ),
    Rule(
        name="much-traffic", title="Unusually much traffic", measure="events_per_second", condition="baseline",
        threshold=8, recover=4, window=600, hold=300, minimum=600,
        advice="One app or client often explains it. A limit in the relay, or TAP_MAX_CONNECTIONS, helps.",
    ),
    Rule(
        name="little-traffic", title="Unusually little traffic", measure="events_per_second", condition="baseline",
        direction="below", threshold=6, recover=3, window=600, hold=600,
        advice="Can clients reach the relay? Look at DNS, certificates and the proxy in front.",
    ),
    Rule(
        name="much-egress", title="Unusually many bytes", measure="bytes_per_second", condition="baseline", threshold=8,
        recover=4, window=600, hold=300,
        advice="Look at the page Bandwidth: a client that reads everything, or a query without a limit.",
    ),
    Rule(
        name="tap-silent", title="A tap is silent", measure="tap_silence", threshold=20, recover=10, hold=10,
        recover_after=10, severity="critical",
        advice="No batch comes from a tap worker that did not stop in order. Is the process, the machine, the network "
        "there? Clients may not reach the relay.",
    ),
    Rule(
        name="dropped", title="Records are being dropped", measure="dropped_records", threshold=0, window=300, hold=0,
        recover_after=60, severity="critical",
        advice="The spool or its disk is full. See that the database takes rows; SPOOL_MAX_BYTES bounds the spool.",
    ),
    Rule(
        name="refused", title="Records are refused", measure="quarantined_records", threshold=10, recover=0, window=900,
        hold=0, severity="info",
        advice="relay-analytics status lists the reasons; the table quarantine has samples.",
    ),
    Rule(
        name="spool-full", title="The spool fills up", measure="spool_percent", threshold=50, recover=25, hold=10,
        severity="critical",
        advice="The database takes less than comes in. When the spool is full, new rows are dropped.",
    ),
    Rule(
        name="ingest-lag", title="Rows wait for the database", measure="spool_wait_seconds", threshold=30, recover=10,
        hold=30,
        advice="See the log of the writer and the load of the database. Nothing is lost until the spool is full.",
    ),
    Rule(name="cpu", title="The processor is busy", measure="cpu_percent", threshold=90, recover=80, window=300,
         hold=300, advice="The relay or a query may be the cause: top shows which process."),
    Rule(name="memory", title="Memory is short", measure="memory_percent", threshold=92, recover=88, window=60,
         hold=300, advice="Before the kernel ends a process: find the one that grows."),
    Rule(name="disk", title="The disk is nearly full", measure="disk_percent", threshold=90, recover=88, window=60,
         hold=60, severity="critical",
         advice="Free space on the file system of DATA_DIR, or shorten RAW_RETENTION_DAYS."),
    Rule(
        name="disk-forecast", title="The disk will be full soon", measure="disk_full_days", direction="below",
        threshold=3, recover=5, hold=900, recover_after=900, cooldown=6 * 3600,
        advice="At the growth of the last hours or days. Free space, or shorten RAW_RETENTION_DAYS, before it is full.",
    ),
)  # fmt: skip
