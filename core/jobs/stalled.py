"""Jobs whose worker died in the middle of them: given to another, unless they seem to be what it died of."""

from __future__ import annotations

from datetime import datetime

import psycopg

from core.jobs import runs
from core.jobs.queue import STALLED_SECONDS
from core.sql import load
from core.storage.connections import Database

LOCK = 7_130_021
MOST_ATTEMPTS = 5
"""A job that ended its worker this often is given up."""


def rescue(database: Database, now: datetime, seconds: float = STALLED_SECONDS) -> list[str]:
    """Queue again what stalled; returns the names. Workers that do this at once do it one after the other, so that
    nothing is taken from one that began it again meanwhile. Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        stalled = connection.execute(load("jobs_stalled"), {"seconds": seconds}).fetchall()
        for number, name, attempts in stalled:
            runs.interrupted(connection, name, now)
            again = attempts + 1 < MOST_ATTEMPTS
            try:
                with connection.transaction():
                    if again:
                        connection.execute("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", [number])
            except psycopg.errors.UniqueViolation:
                again = False  # another of its kind waits already
            if not again:
                connection.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", [number])
        connection.execute("SELECT procrastinate_prune_stalled_workers_v1(%s)", [seconds])
    return [str(name) for _, name, _ in stalled]
