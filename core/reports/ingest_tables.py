"""The tables of the ingest report: their columns, units and meanings."""

from __future__ import annotations

from datetime import timedelta

from core.reports.declaration import Column, Table

RECENTLY = timedelta(hours=1)

FATES = (
    Column("received", "records that were measured or handed in", "records"),
    Column("stored", "records in the database", "records"),
    Column("quarantined", "records that were refused, with reason and sample", "records"),
    Column("dropped", "records lost because a bound was reached", "records"),
    Column("in_flight", "records on their way that the database knows of", "records"),
    Column("lost", "records of runs that are over which never arrived: their spool was damaged", "records"),
    Column(
        "broken_off", "runs of a tap that were killed; each lost what it had in memory, FLUSH_INTERVAL at most", "runs"
    ),
)
SUMMARY = Table(
    "summary",
    "one row over all sources: received = stored + quarantined + dropped + in flight + lost",
    (
        *FATES,
        Column("dropped_recently", "records dropped within the last hour", "records"),
        Column("quarantined_recently", "records refused within the last hour", "records"),
        Column("waiting_records", "records in the spools of this machine; null where it has none", "records"),
        Column("waiting_bytes", "size of the spools of this machine", "bytes"),
        Column("spool_share", "size of the fullest spool, of SPOOL_MAX_BYTES, 0 to 1"),
        Column("waiting_seconds", "age of the oldest batch in a spool", "seconds"),
    ),
)
SOURCES = Table(
    "sources",
    "one row per relay, machine and worker, over restarts; imports and other sources have neither of the two",
    (
        Column("relay", "name of the relay"),
        Column("host", "machine of the tap worker, by its `HOST_NAME`"),
        Column("worker", "number of the tap worker on its machine"),
        *FATES,
        Column("runs", "times it was started", "runs"),
        Column("newest_at", "when its newest stored batch was made"),
    ),
)
REASONS = Table(
    "reasons",
    "why records were dropped, refused, or stored without a part of them; the most frequent first",
    (
        Column("fate", "dropped, quarantined or stored in part"),
        Column("reason", "which bound was reached, or what was wrong"),
        Column("records", "how many", "records"),
    ),
)
SPOOLS = Table(
    "spools",
    "what waits on this machine for the database",
    (
        Column("spool", "whose it is"),
        Column("batches", "batches that wait", "batches"),
        Column("records", "records in them", "records"),
        Column("bytes", "size on disk", "bytes"),
        Column("waiting_seconds", "age of the oldest batch", "seconds"),
    ),
)
TABLES = (SUMMARY, SOURCES, REASONS, SPOOLS)
