"""How full the spools of this machine are, read beside the processes that use them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.settings import Settings

SUFFIX = ".spool"
STATE = "SELECT count(*), coalesce(sum(records), 0), min(made_at) FROM waiting"
BUSY_SECONDS = 0.2


@dataclass(frozen=True)
class SpoolState:
    """What waits in a spool for the database."""

    name: str
    batches: int
    records: int
    size: int
    """Bytes in use, free pages not counted: what SPOOL_MAX_BYTES bounds."""
    oldest: datetime | None
    """When the oldest batch was made; None when nothing waits."""

    def age(self, now: datetime) -> timedelta:
        """How long the oldest batch has been waiting."""
        return timedelta() if self.oldest is None else max(now - self.oldest, timedelta())


def spool_directory(settings: Settings) -> Path:
    """Demo traffic has its own: it must never reach the real database."""
    return settings.data_dir / ("spool-demo" if settings.demo == "on" else "spool")


def states(directory: Path) -> list[SpoolState]:
    """Every spool of a directory that can be read; none where this machine has no spools."""
    found = []
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            found.append(_state(path))
        except (sqlite3.Error, OSError):
            continue  # being replaced, or not ours to read: the writer says what is wrong with it
    return found


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of an SQLite database, free pages not counted."""
    page_size, pages, free = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
    )
    return int(page_size * (pages - free))


def _state(path: Path) -> SpoolState:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as db:
        batches, records, oldest = db.execute(STATE).fetchone()
        size = used_bytes(db)
    made = None if oldest is None else datetime.fromtimestamp(oldest / 1e6, UTC)
    return SpoolState(path.stem, batches, records, size, made)
