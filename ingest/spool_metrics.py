"""How much waits in the spools, read from the files themselves: true also when the processes that use them are down."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from core.settings import Settings
from ingest.metrics import Reading, reading
from ingest.spool import SUFFIX, spool_directory

_BUSY_SECONDS = 1.0


class Backlog(NamedTuple):
    """What waits in a spool. `oldest`: when its oldest batch was made, microseconds since the Unix epoch."""

    size: int
    batches: int
    records: int
    oldest: int | None


def backlog(path: Path) -> Backlog:
    """Raises sqlite3.Error when the file cannot be read."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as db:
        page_size, pages, free = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        batches, records, oldest = db.execute("SELECT count(*), total(records), min(made_at) FROM waiting").fetchone()
    return Backlog(page_size * (pages - free), batches, int(records), oldest)


def spool_readings(settings: Settings, now: float) -> list[Reading]:
    """Readings of every spool of the data directory; `now` is seconds since the Unix epoch. One that cannot be read is
    left out."""
    readings = []
    for path in sorted(spool_directory(settings).glob(f"*{SUFFIX}")):
        try:
            state = backlog(path)
        except sqlite3.Error:
            continue
        lag = max(0.0, now - state.oldest / 1e6) if state.oldest is not None else 0.0
        readings += [
            reading("spool_bytes", state.size, path.stem),
            reading("spool_batches", state.batches, path.stem),
            reading("spool_records", state.records, path.stem),
            reading("spool_lag_seconds", lag, path.stem),
        ]
    return [*readings, reading("spool_max_bytes", settings.spool_max_bytes)]
