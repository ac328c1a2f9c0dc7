"""Whether the work that happens by itself is done: one line, and what an operator should act on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.formats import duration
from core.jobs.listing import Job, listing
from core.jobs.queue import Queue, queue
from core.storage.connections import Database

WAITS_LONG = 300.0
"""Seconds that a due job may wait before it is worth a word."""


@dataclass(frozen=True)
class Health:
    """How the queue is and how each job last went, at a time."""

    at: datetime
    queue: Queue
    jobs: tuple[Job, ...]

    @property
    def line(self) -> str:
        """The queue's length, the last job that ran, and how many fail: one line."""
        ran = [job for job in self.jobs if job.started_at is not None]
        last = max(ran, key=lambda job: job.started_at or self.at, default=None)
        parts = [f"{self.queue.waiting} waiting", f"{self.queue.running} running"]
        if last is not None and last.started_at is not None:
            parts.append(f"last {last.name}, {duration((self.at - last.started_at).total_seconds())} ago")
        failing = sum(job.outcome == "failed" for job in self.jobs)
        parts.append(f"{failing} failing" if failing else "none failing")
        if self.queue.failed:
            parts.append(f"{self.queue.failed} given up")
        return ", ".join(parts)

    @property
    def troubles(self) -> list[str]:
        """Sentences; none when all is well."""
        found = []
        if self.queue.workers == 0:
            found.append("No worker takes jobs: start the ingest processes (python -m ingest).")
        elif self.queue.oldest is not None and (waits := (self.at - self.queue.oldest).total_seconds()) > WAITS_LONG:
            found.append(
                f"{self.queue.waiting} jobs wait, the oldest for {duration(waits)}: the worker is not keeping up."
            )
        found += [f"The job {job.name} failed: {job.error}" for job in self.jobs if job.outcome == "failed"]
        return found


def health(database: Database, now: datetime) -> Health:
    """Raises DatabaseUnavailableError."""
    return Health(now, queue(database), tuple(listing(database)))
