"""How the queue is: what waits, what runs, whether anybody works on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.sql import load
from core.storage.connections import Database

STALLED_SECONDS = 30.0
"""A worker that was not heard of for this long is taken for dead, and what it was doing is given to another."""


@dataclass(frozen=True)
class Queue:
    """`waiting`: due and not begun, `oldest` of them since; `failed`: given up, kept for a while; `workers`: alive."""

    waiting: int
    oldest: datetime | None
    running: int
    failed: int
    workers: int


def queue(database: Database) -> Queue:
    """Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        row = connection.execute(load("job_queue"), {"seconds": STALLED_SECONDS}).fetchone()
    return Queue(*row) if row else Queue(0, None, 0, 0, 0)
