"""A kind of work that the worker knows by name, and what it is handed when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from procrastinate import RetryStrategy

from core.settings import Settings
from core.storage.database import Database


@dataclass(frozen=True)
class Work:
    """What a task works with: the database, the settings, the time at which it began, and whether the worker is asked
    to stop, which a long one should ask between its steps."""

    database: Database
    settings: Settings
    now: datetime
    stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Task:
    """`run(work, **arguments)` returns what it did, in few words, or None. It may be run again after it was interrupted
    at any point: what must not happen twice needs a record of its own.

    `period`: a cron expression in UTC, with seconds as an optional sixth field; without one it runs when it is asked
    for (`core.jobs.defer`) with arguments. Work that comes by itself never runs twice at once; if it is due again
    while it waits, it waits once. `retry`: what happens after a failure; by default it just comes again when it is due.
    """

    name: str
    description: str
    run: Callable[..., str | None]
    period: str | None = None
    retry: RetryStrategy | None = None
