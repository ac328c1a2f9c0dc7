"""The local, durable queue between a tap and the database: one SQLite file per tap worker.

Sequences strictly grow, also after a restart and after the spool was emptied: a batch that was stored once is never
taken for another. WAL with `synchronous=FULL`: a batch that `append` returned for survives a crash and a power cut.
"""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from core.exceptions import SpoolFullError
from core.records import Batch, decode_batch, encode_batch
from core.settings import Settings

SUFFIX = ".spool"
_BUSY_SECONDS = 5.0
_SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 16777216;
CREATE TABLE IF NOT EXISTS spool (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (sequence INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);
"""


class Spool:
    """An open spool file. Not for use from two threads at once; several processes may have the same file open."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Opens or makes the file. Raises sqlite3.Error and OSError when that is not possible."""
        self.path = path
        self._max_bytes = max_bytes
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._db.executescript(_SCHEMA)
            self._db.execute("INSERT OR IGNORE INTO spool VALUES ('id', ?)", (secrets.token_hex(6),))
            (self.id,) = self._db.execute("SELECT value FROM spool WHERE name = 'id'").fetchone()
        except BaseException:
            self._db.close()
            raise
        self.path.chmod(0o600)

    def append(self, batch: Batch) -> int:
        """Keeps the batch and returns its sequence, which replaces the batch's own.

        Raises SpoolFullError at the bound, sqlite3.Error when the file cannot be written.
        """
        payload = encode_batch(batch)
        if self.size() + len(payload) > self._max_bytes:
            raise SpoolFullError
        cursor = self._db.execute("INSERT INTO batches (payload) VALUES (?)", (payload,))
        return int(cursor.lastrowid or 0)

    def read(self, after: int = 0, limit: int = 100) -> list[Batch]:
        """Batches with a larger sequence than `after`, oldest first. What cannot be decoded is skipped and deleted."""
        rows = self._db.execute(
            "SELECT sequence, payload FROM batches WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit)
        ).fetchall()
        batches = []
        for sequence, payload in rows:
            try:
                batch = decode_batch(payload)
            except msgspec.DecodeError:
                self._db.execute("DELETE FROM batches WHERE sequence = ?", (sequence,))
                continue
            batch.sequence = sequence
            batches.append(batch)
        return batches

    def acknowledge(self, up_to: int) -> None:
        """Forgets what is stored elsewhere: every batch up to and including this sequence."""
        self._db.execute("DELETE FROM batches WHERE sequence <= ?", (up_to,))

    def remove(self, sequence: int) -> None:
        """Forgets one batch."""
        self._db.execute("DELETE FROM batches WHERE sequence = ?", (sequence,))

    def is_empty(self) -> bool:
        return self._db.execute("SELECT 1 FROM batches LIMIT 1").fetchone() is None

    def size(self) -> int:
        """Bytes in use, free pages not counted."""
        page_size, pages, free = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        return int(page_size * (pages - free))

    def shrink(self) -> None:
        """Gives free pages back to the file system."""
        self._db.execute("PRAGMA incremental_vacuum").fetchall()

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def spool_path(settings: Settings, worker: int) -> Path:
    """Where a tap worker keeps its spool."""
    return spool_directory(settings) / f"tap-{worker}{SUFFIX}"


def spool_directory(settings: Settings) -> Path:
    """Demo traffic has its own: it must never reach the real database."""
    return settings.data_dir / ("spool-demo" if settings.demo == "on" else "spool")


def set_aside(path: Path) -> Path:
    """Moves a spool that SQLite cannot read out of the way, and returns where it went."""
    aside = path.with_name(f"{path.stem}-{secrets.token_hex(4)}.corrupt")
    path.rename(aside)
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    return aside


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged, so that trying again is useless."""
    return isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", 0) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
