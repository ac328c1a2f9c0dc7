"""How much waits in the spools, read from the files themselves: true also when the processes that use them are down."""

from __future__ import annotations

from datetime import UTC, datetime

from core.settings import Settings
from core.spools import spool_directory, states
from ingest.metrics import Reading, reading


def spool_readings(settings: Settings, now: float) -> list[Reading]:
    """Readings of every spool of the data directory; `now` is seconds since the Unix epoch. One that cannot be read is
    left out."""
    readings = []
    for state in states(spool_directory(settings)):
        readings += [
            reading("spool_bytes", state.size, state.name),
            reading("spool_batches", state.batches, state.name),
            reading("spool_records", state.records, state.name),
            reading("spool_lag_seconds", state.age(datetime.fromtimestamp(now, UTC)).total_seconds(), state.name),
        ]
    return [*readings, reading("spool_max_bytes", settings.spool_max_bytes)]
