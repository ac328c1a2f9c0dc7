"""The local, durable queue between a producer and the database: one SQLite file per tap worker.

Positions strictly grow, also after a restart and after the spool was emptied. What makes a batch count once is its own
source and sequence, not its position: a file that went back to an older state must not make new batches look stored.
WAL with `synchronous=FULL`: a batch that `append` returned for survives a crash and a power cut.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from core.exceptions import SpoolFullError, SpoolReplacedError
from core.records import Batch, encode_batch
from core.settings import Settings
from core.spools import SUFFIX, spool_directory, used_bytes
from core.storage.payloads import decode_payload, encode_payload
from ingest.spool_upgrade import take_over

MOST_RESERVED = 64 * 1024**2
"""Bytes of the disk that a spool leaves free, or a tenth of a small disk."""
_BUSY_SECONDS = 5.0
KEPT_FREE = 8 << 20
FREED_AT_ONCE = 16 << 20
"""Bytes of free pages that stay for the next batches, and that are given back at a time."""
FEW_EVENTS = 1000
"""Events that are kept as records: to make columns of them would hold a tap's interpreter ten times as long, which
traffic waits for, and the writer has time for so few."""
# The index answers how much waits without reading payloads.
_SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 16777216;
CREATE TABLE IF NOT EXISTS waiting (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    made_at INTEGER NOT NULL,
    records INTEGER NOT NULL,
    source TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS waiting_state ON waiting (made_at, records);
"""
_COLUMNS = "position, source, sequence, records, checksum, payload FROM waiting"


class Waiting(NamedTuple):
    """A batch in the spool: where, which one, and of how many records."""

    position: int
    source: str
    sequence: int
    records: int
    batch: Batch | None
    """None when its bytes are damaged."""

    @property
    def id(self) -> str:
        """As `Batch.id`."""
        return f"{self.source}#{self.sequence}"


class _Row(NamedTuple):
    made_at: int
    records: int
    source: str
    sequence: int
    checksum: int
    payload: bytes


_INSERT = "INSERT INTO waiting (made_at, records, source, sequence, checksum, payload) VALUES (?, ?, ?, ?, ?, ?)"


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
            take_over(self._db)
            self._page_size = int(self._db.execute("PRAGMA page_size").fetchone()[0])
            self.inode = path.stat().st_ino
        except BaseException:
            self._db.close()
            raise
        self.path.chmod(0o600)

    def append(self, batch: Batch) -> int:
        """As `append_all`, one batch; returns its position."""
        return self.append_all([batch])[0]

    def append_all(self, batches: Sequence[Batch]) -> list[int]:
        """Keeps the batches and returns their positions.

        Raises SpoolFullError at the bound, before anything is written; SpoolReplacedError when the file was set aside;
        sqlite3.Error when it cannot be written; OSError when the disk has no more room than emptying the spool takes.
        """
        rows = [_row(batch, _encoded(batch)) for batch in batches]
        size, records = sum(len(row.payload) for row in rows), sum(row.records for row in rows)
        with self.transaction():
            if size > self._disk_left:
                raise OSError(errno.ENOSPC, "The disk is full but for what emptying the spool takes", str(self.path))
            if records and size > self._left:  # counts alone are small, and must not be lost
                raise SpoolFullError
            positions = [int(self._db.execute(_INSERT, row).lastrowid or 0) for row in rows]
            self._disk_left -= size
            self._left -= size
        return positions

    def read(self, after: int = 0, limit: int = 100) -> list[Waiting]:
        """What waits behind a position, oldest first. A batch without a sequence of its own gets its position."""
        rows = self._db.execute(f"SELECT {_COLUMNS} WHERE position > ? ORDER BY position LIMIT ?", (after, limit))
        return [_waiting(*row) for row in rows.fetchall()]

    def acknowledge(self, up_to: int) -> None:
        """Forgets what is stored elsewhere: every batch up to and including this position."""
        self._db.execute("DELETE FROM waiting WHERE position <= ?", (up_to,))

    def is_empty(self) -> bool:
        return self._db.execute("SELECT 1 FROM waiting LIMIT 1").fetchone() is None

    def size(self) -> int:
        """Bytes in use, free pages not counted."""
        return used_bytes(self._db)

    def _pages(self) -> tuple[int, int]:
        """How many the file has, and how many of these are free."""
        (pages,), (free,) = (self._db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count"))
        return int(pages), int(free)

    def _measure(self) -> None:
        """How many bytes may be added: a spool on a full disk cannot even forget a batch, so some room is left for it.

        Raises SpoolReplacedError.
        """
        if not self.in_place():
            raise SpoolReplacedError
        pages, free_pages = self._pages()
        disk = shutil.disk_usage(self.path.parent)
        self._disk_left = disk.free + self._page_size * free_pages - min(MOST_RESERVED, disk.total // 10)
        self._left = self._max_bytes - self._page_size * (pages - free_pages)

    def shrink(self) -> None:
        """Gives free pages and the write-ahead log back to the file system."""
        # as a script: `execute` would stop after the first page
        self._db.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")

    def give_back(self) -> None:
        """Gives free pages past KEPT_FREE back to the file system, a part at a time, as appending waits meanwhile."""
        surplus = self._pages()[1] - KEPT_FREE // self._page_size
        if surplus > 0:
            self._db.executescript(f"PRAGMA incremental_vacuum({min(surplus, FREED_AT_ONCE // self._page_size)})")

    def in_place(self) -> bool:
        """Whether the open file is still the one of this name."""
        try:
            return self.path.stat().st_ino == self.inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is appended in here is kept together, or not at all."""
        within_another = self._db.in_transaction
        if within_another:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._measure()
            yield
            self._db.execute("COMMIT")
        except OSError:
            self._db.execute("ROLLBACK")
            self.shrink()
            raise
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _row(batch: Batch, payload: bytes) -> _Row:
    records = sum(batch.sizes.values())
    return _Row(batch.made_at, records, batch.source, batch.sequence, zlib.crc32(payload), payload)


def read_one(db: sqlite3.Connection, position: int) -> Waiting | None:
    """The batch at a position of a spool's database. Raises sqlite3.DatabaseError when that part is damaged."""
    row = db.execute(f"SELECT {_COLUMNS} WHERE position = ?", (position,)).fetchone()
    return None if row is None else _waiting(*row)


def _encoded(batch: Batch) -> bytes:
    few = isinstance(batch.events, list) and len(batch.events) < FEW_EVENTS
    return encode_batch(batch) if few else encode_payload(batch)


def _waiting(position: int, source: str, sequence: int, records: int, checksum: int, payload: bytes) -> Waiting:
    batch = None
    if zlib.crc32(payload) == checksum:
        with suppress(msgspec.DecodeError):
            batch = decode_payload(payload)
            batch.sequence = sequence or position
    return Waiting(position, source, sequence or position, records, batch)


def spool_path(settings: Settings, worker: int) -> Path:
    """Where a tap worker keeps its spool."""
    return spool_directory(settings) / f"tap-{worker}{SUFFIX}"
