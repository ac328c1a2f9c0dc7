"""Small work of every hour: counting what has ended, and keeping tables from growing for ever."""

from __future__ import annotations

from datetime import timedelta

from core.accounts import sessions, throttle, tickets
from core.retention import applying
from core.sql import load
from core.storage import shape_days, shape_hours
from ingest.jobs.task import Work

KEEP_JOBS = timedelta(days=30)
"""How long a job that was given up can be looked at."""


def retention(work: Work) -> str:
    gone = applying.apply(work.database, work.settings, work.now, work.stopping)
    return ", ".join(f"{count} of {name}" for name, count in gone.items() if count) or "nothing to remove"


def shapes(work: Work) -> str:
    counted = shape_hours.count(work.database, work.now, work.stopping)
    days = shape_days.make(work.database, work.now, work.stopping)
    return f"{counted.messages} messages of {counted.hours} hours counted, {days} days made of hours"


def sign_ins(work: Work) -> str:
    """Each is removed when the next one comes, too; here for those after which none comes."""
    with work.database.borrow() as connection:
        ended = sum(part.clean(connection, work.now) for part in (sessions, tickets, throttle))
    return f"{ended} removed"


def job_history(work: Work) -> str:
    with work.database.borrow() as connection:
        removed = connection.execute(load("jobs_remove"), {"before": work.now - KEEP_JOBS}).rowcount
    return f"{removed} removed"
