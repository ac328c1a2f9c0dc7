"""What the database needs regularly while rows come in, in a thread beside the writer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import structlog

from core.exceptions import RelayAnalyticsError
from core.storage import partitions
from core.storage.database import Database
from core.storage.fold import fold

log = structlog.get_logger()

FOLD_SECONDS = 10.0
PARTITION_SECONDS = 3600.0


@dataclass
class Task:
    """A piece of work and how often it is due."""

    name: str
    run: Callable[[datetime], object]
    seconds: float
    due: float = 0.0


class Upkeep:
    """Folds the roll-ups (which also makes partitions ahead of time) and drops raw rows past their retention."""

    def __init__(self, database: Database, raw_retention_days: int) -> None:
        retention = timedelta(days=raw_retention_days)
        self._tasks = [
            Task("give stray days a partition", lambda now: partitions.adopt(database), PARTITION_SECONDS),
            Task("drop old raw rows", lambda now: partitions.drop_before(database, now - retention), PARTITION_SECONDS),
            Task("fold roll-ups", lambda now: fold(database, now), FOLD_SECONDS),
        ]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends after the task that runs now."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            for task in self._tasks:
                if time.monotonic() < task.due or self._stop.is_set():
                    continue
                task.due = time.monotonic() + task.seconds
                try:
                    task.run(datetime.now(UTC))
                except (RelayAnalyticsError, psycopg.Error) as error:
                    log.warning("Upkeep failed and is tried again when it is due", task=task.name, error=str(error))
            self._stop.wait(0.5)
