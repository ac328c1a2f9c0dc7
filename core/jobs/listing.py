"""The work that happens by itself, as workers have entered it: when each last ran, how it went, when it is due next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from croniter import croniter

from core.sql import load
from core.storage.connections import Database


class Declared(Protocol):
    """What is entered of a job: its name, what it does, and its cron expression in UTC (None: only when asked for)."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def period(self) -> str | None: ...


@dataclass(frozen=True)
class Job:
    """One kind of work. `outcome`: running, succeeded, failed, interrupted or skipped; None: it never ran."""

    name: str
    description: str
    period: str | None
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    result: str | None
    runs: int
    failures: int
    failed_at: datetime | None
    error: str | None

    def next_at(self, now: datetime) -> datetime | None:
        """When it is due next; None for what runs only when it is asked for."""
        return None if self.period is None else next_time(self.period, now)


def next_time(period: str, now: datetime) -> datetime:
    """The first moment after `now` that a cron expression names, in UTC."""
    found: datetime = croniter(period, now.astimezone(UTC)).get_next(datetime)
    return found


def enter(database: Database, declared: Iterable[Declared]) -> None:
    """Make the list the same as what this version declares; how those that stay went is kept."""
    wanted = list(declared)
    with database.borrow() as connection:
        connection.execute("DELETE FROM jobs WHERE NOT name = ANY(%s)", [[job.name for job in wanted]])
        for job in wanted:
            connection.execute(
                "INSERT INTO jobs (name, description, period) VALUES (%s, %s, %s) ON CONFLICT (name) DO UPDATE"
                " SET description = excluded.description, period = excluded.period",
                [job.name, job.description, job.period],
            )


def listing(database: Database) -> list[Job]:
    """Every job, those that come by themselves first. Empty before a worker or `relay-analytics jobs` entered them."""
    with database.borrow() as connection:
        return [Job(*row) for row in connection.execute(load("jobs")).fetchall()]
