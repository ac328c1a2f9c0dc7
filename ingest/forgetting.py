"""What of a client lies outside the database: batches that wait in spools, and batches that were kept as files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.records import Batch, decode_batch, encode_batch
from core.settings import Settings
from core.spools import spool_directory
from core.storage.database import Database
from ingest.damage import DAMAGED, SEARCHED
from ingest.writer import Writer


def drain(settings: Settings, database: Database) -> int:
    """Store what waits in the spools of this host, also while the writer does the same; returns how many batches.

    Raises as `Writer.step`.
    """
    writer = Writer(settings, lambda _: Database(database.dsn, demo=database.demo))
    stored = 0
    try:
        while found := writer.step():
            stored += found
    finally:
        writer.close()
    return stored


def erase_from_files(settings: Settings, client: str) -> int:
    """Take the client's records out of batches that the database refused and that were kept as files; returns how many
    files changed. Raises OSError."""
    changed = 0
    for path in sorted((spool_directory(settings) / "quarantine").glob("*.batch")):
        try:
            batch = decode_batch(path.read_bytes())
        except msgspec.DecodeError:
            continue
        if _without(batch, client):
            draft = path.with_suffix(".erasing")
            draft.touch(mode=0o600)
            draft.write_bytes(encode_batch(batch))
            draft.replace(path)
            changed += 1
    return changed


def unreadable(settings: Settings) -> list[Path]:
    """Damaged spools that were set aside: what they hold of a client cannot be taken out."""
    directory = spool_directory(settings)
    return sorted(path for ending in (DAMAGED, SEARCHED) for path in directory.glob(f"*{ending}"))


def _without(batch: Batch, client: str) -> bool:
    """Whether the batch held records of the client, which are gone from it now."""
    before = sum(batch.sizes.values())
    batch.events = [one for one in batch.events if one.client != client]
    batch.deliveries = [one for one in batch.deliveries if one.client != client]
    batch.connections = [one for one in batch.connections if one.client != client]
    return sum(batch.sizes.values()) < before
