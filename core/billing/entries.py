"""Closed periods and adjustments as they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from core.billing.lines import FIELDS, Lines, lines
from core.billing.periods import period_between
from core.exceptions import UnknownPeriodError
from core.periods import Period
from core.sql import load
from core.storage.connections import Database
from core.storage.integers import fetch_integers
from core.tariffs import Tariff, read_tariff


@dataclass(frozen=True)
class ClosedPeriod:
    """A closed period: usage and costs of `lines` clients in [start, end) were frozen at `closed_at`."""

    period_id: int
    start: datetime
    end: datetime
    time_zone: str
    source: str | None
    """The tariff as canonical JSON."""
    closed_at: datetime
    lines: int
    checksum: bytes

    @property
    def tariff(self) -> Tariff | None:
        return None if self.source is None else read_tariff(self.source)

    @property
    def period(self) -> Period:
        return period_between(self.start, self.end, self.time_zone)

    def __str__(self) -> str:
        start, end = (edge.astimezone(self.period.zone) for edge in (self.start, self.end))
        return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} {self.time_zone}"


@dataclass(frozen=True)
class Adjustment:
    """What was frozen of a closed period afterwards; `credit`: an amount given by hand."""

    period_id: int
    number: int
    made_at: datetime
    credit: bool
    reason: str
    lines: int
    checksum: bytes


def closed_periods(connection: psycopg.Connection[Any]) -> list[ClosedPeriod]:
    """All of them, in the order of closing."""
    rows = connection.execute(
        "SELECT period_id, starts_at, ends_at, time_zone, tariff, closed_at, lines, checksum FROM billing_periods"
        " ORDER BY period_id"
    )
    return [
        ClosedPeriod(
            row[0], row[1].astimezone(UTC), row[2].astimezone(UTC), row[3],
            row[4], row[5].astimezone(UTC), row[6], row[7],
        )
        for row in rows.fetchall()
    ]  # fmt: skip


def listing(database: Database) -> list[ClosedPeriod | Adjustment]:
    """Every closing, each followed by its adjustments. Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        found: list[ClosedPeriod | Adjustment] = []
        for closed in closed_periods(connection):
            found += [closed, *adjustments(connection, closed.period_id)]
        return found


def closed_period(connection: psycopg.Connection[Any], period: Period) -> ClosedPeriod:
    """The closed period with this start and end. Raises UnknownPeriodError."""
    for closed in closed_periods(connection):
        if (closed.start, closed.end) == (period.start, period.end):
            return closed
    start, end = period.start.astimezone(period.zone), period.end.astimezone(period.zone)
    raise UnknownPeriodError(
        f"No period from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} {period.zone.key} is closed; close it first."
    )


def adjustments(connection: psycopg.Connection[Any], period_id: int) -> list[Adjustment]:
    """Those of a period, by number."""
    rows = connection.execute(
        "SELECT period_id, number, made_at, credit, reason, lines, checksum FROM billing_adjustments"
        " WHERE period_id = %s ORDER BY number",
        [period_id],
    )
    return [Adjustment(row[0], row[1], row[2].astimezone(UTC), *row[3:]) for row in rows.fetchall()]


def frozen(
    connection: psycopg.Connection[Any], period_id: int, *, adjustments: bool, client: str | None = None
) -> Lines:
    """The lines of a period as closed, or the sum of its adjustments and credits per client."""
    query = load("billing_adjusted" if adjustments else "billing_frozen")
    table = fetch_integers(connection, query, {"period_id": period_id, "client": client}, 1 + len(FIELDS))
    return lines(table[:, 0], table[:, 1:])
