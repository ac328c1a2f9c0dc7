"""Closing a period: usage and cost per client are frozen with the tariff and a checksum."""

from __future__ import annotations

from datetime import UTC, datetime

from core.billing.checksums import period_checksum
from core.billing.costs import priced
from core.billing.entries import ClosedPeriod, closed_periods
from core.billing.freezing import freezing, rows_of, store_rows
from core.billing.periods import Day, billing_period, months_of
from core.billing.usage import usage
from core.exceptions import PeriodClosedError, PeriodNotOverError, PeriodOverlapsError
from core.periods import Period
from core.storage.connections import Database
from core.tariffs import Tariff


def close(
    database: Database,
    now: datetime,
    start: Day | None = None,
    end: Day | None = None,
    *,
    month: str | None = None,
    time_zone: str = "UTC",
    tariff: Tariff | None,
) -> ClosedPeriod:
    """Freeze what every client used in the period, and what it costs by the tariff (None: usage only).

    Raises PeriodNotOverError, PeriodClosedError, PeriodOverlapsError (nothing is stored then), BadParameterError and
    DatabaseUnavailableError.
    """
    period = billing_period(start, end, month, time_zone)
    if period.end > now:
        raise PeriodNotOverError(
            f"The period ends at {period.end.astimezone(period.zone):%Y-%m-%d %H:%M} {time_zone}; close it afterwards."
        )
    with freezing(database) as connection:
        before = closed_periods(connection)
        _refuse_twice(period, before)
        lines = priced(usage(connection, period.start, period.end), tariff, months_of(period))
        period_id = len(before) + 1
        source = None if tariff is None else tariff.source
        rows = rows_of(connection, period_id, 0, lines)
        checksum = period_checksum(
            period_id, period.start, period.end, time_zone, source, now, before[-1].checksum if before else None,
            [row[-1] for row in rows],
        )  # fmt: skip
        connection.execute(
            "INSERT INTO billing_periods (period_id, starts_at, ends_at, time_zone, tariff, closed_at, lines, checksum)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [period_id, period.start, period.end, time_zone, source, now, len(lines), checksum],
        )
        store_rows(connection, rows)
    return ClosedPeriod(
        period_id, period.start, period.end, time_zone, source, now.astimezone(UTC), len(lines), checksum
    )


def _refuse_twice(period: Period, before: list[ClosedPeriod]) -> None:
    for closed in before:
        if (closed.start, closed.end) == (period.start, period.end):
            raise PeriodClosedError(f"{closed} is closed already, as period {closed.period_id}; adjust it instead.")
        if closed.start < period.end and period.start < closed.end:
            raise PeriodOverlapsError(f"The period overlaps period {closed.period_id}, {closed}, which is closed.")
