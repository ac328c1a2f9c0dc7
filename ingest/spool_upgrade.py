"""Takes over what a spool of an earlier version holds: batches in a table `batches`, as `Spool` kept them at first."""

from __future__ import annotations

import sqlite3
import time
import zlib

import msgspec
import structlog

from core.records import decode_batch

log = structlog.get_logger()

UNREADABLE = "spool of an earlier version"
"""Source of batches that cannot be read: the writer puts them into quarantine."""
_IS_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'batches'"
_INSERT = "INSERT INTO waiting (made_at, records, source, sequence, checksum, payload) VALUES (?, ?, ?, ?, ?, ?)"


def take_over(db: sqlite3.Connection) -> int:
    """Moves the batches, in their order, under the source and the number that they had: one that is in the database
    already is not stored again. All or none; returns how many. Raises sqlite3.Error."""
    if db.execute(_IS_THERE).fetchone() is None:
        return 0
    db.execute("BEGIN IMMEDIATE")
    try:
        moved = _move(db) if db.execute(_IS_THERE).fetchone() else 0  # another process may have been faster
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
    log.info("A spool of an earlier version was taken over", batches=moved)
    return moved


def _move(db: sqlite3.Connection) -> int:
    now, moved = int(time.time() * 1_000_000), 0
    for sequence, payload in db.execute("SELECT sequence, payload FROM batches ORDER BY sequence").fetchall():
        try:
            batch = decode_batch(payload)
        except msgspec.DecodeError:
            source, records = UNREADABLE, 1
        else:
            source, records = batch.source, sum(batch.sizes.values())
        db.execute(_INSERT, (now, records, source, sequence, zlib.crc32(payload), payload))
        moved += 1
    db.execute("DROP TABLE batches")
    db.execute("DROP TABLE IF EXISTS spool")
    return moved
