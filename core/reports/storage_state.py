"""How the database is: its size, its largest tables, how complete it is. For operators, not a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.reports.frame import newest_query
from core.sql import load
from core.storage.database import Database

MOST_TABLES = 30


@dataclass(frozen=True)
class StorageState:
    """`bytes`: the whole database; `tables`: name and bytes with indexes, the largest first, partitions summed up."""

    server: str
    bytes: int
    schema_version: int
    complete_up_to: datetime | None
    tables: tuple[tuple[str, int], ...]


def storage_state(database: Database, now: datetime) -> StorageState:
    """Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        row = connection.execute(load("storage_state")).fetchone()
        tables = connection.execute(load("storage_tables"), {"limit": MOST_TABLES}).fetchall()
        name, asked = newest_query(now)
        newest = connection.execute(load(name), asked).fetchone()
    server, size, version = row or ("", 0, 0)
    return StorageState(
        server,
        int(size),
        int(version),
        newest[0] if newest else None,
        tuple((str(name), int(bytes_)) for name, bytes_ in tables),
    )
