"""Adjustments of a closed period: what was counted since, and credits by hand. Each is frozen like a closing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg

from core.billing.checksums import adjustment_checksum
from core.billing.costs import priced
from core.billing.entries import Adjustment, ClosedPeriod, adjustments, closed_period, frozen
from core.billing.freezing import freezing, rows_of, store_rows
from core.billing.lines import FIELDS, Lines, combine
from core.billing.periods import Day, billing_period, months_of
from core.billing.usage import usage
from core.exceptions import BadParameterError
from core.storage.connections import Database
from core.tariffs.currencies import EXPONENTS

AMOUNT = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,4}))?")
COUNTED = "usage counted after the closing"


def adjust(
    database: Database,
    now: datetime,
    start: Day | None = None,
    end: Day | None = None,
    *,
    month: str | None = None,
    time_zone: str = "UTC",
    reason: str = COUNTED,
) -> Adjustment | None:
    """Freeze the difference between usage and cost (by the frozen tariff) now, and what is frozen; None: there is none.

    Raises UnknownPeriodError, BadParameterError and DatabaseUnavailableError.
    """
    period = billing_period(start, end, month, time_zone)
    with freezing(database) as connection:
        closed = closed_period(connection, period)
        kept = [frozen(connection, closed.period_id, adjustments=later) for later in (False, True)]
        difference = unadjusted(connection, closed, kept)
        return _freeze(connection, closed, difference, now, reason, credit=False) if len(difference) else None


def credit(
    database: Database,
    now: datetime,
    client: str,
    amount: str,
    reason: str,
    start: Day | None = None,
    end: Day | None = None,
    *,
    month: str | None = None,
    time_zone: str = "UTC",
) -> Adjustment:
    """Credit a client an amount of the period's currency, such as "12.50"; a negative one charges it.

    Raises UnknownPeriodError, BadParameterError (no such client, no amount, no reason, a period without a tariff) and
    DatabaseUnavailableError.
    """
    period = billing_period(start, end, month, time_zone)
    if not reason.strip():
        raise BadParameterError("give a reason: it stands on the bill.")
    with freezing(database) as connection:
        closed = closed_period(connection, period)
        if closed.tariff is None:
            raise BadParameterError("the period was closed without a tariff, so it has no currency to credit in.")
        row = connection.execute("SELECT client_no FROM clients WHERE client_id = %s", [client]).fetchone()
        if row is None:
            raise BadParameterError(f"there is no client {client!r}.")
        table = np.zeros((1, len(FIELDS)), dtype=np.int64)
        table[0, FIELDS.index("credit")] = -minor_units(amount, closed.tariff.currency)
        line = Lines(np.array(row, dtype=np.int64), table)
        return _freeze(connection, closed, line, now, reason, credit=True)


def unadjusted(
    connection: psycopg.Connection[Any], closed: ClosedPeriod, kept: Sequence[Lines], client: str | None = None
) -> Lines:
    """Usage and cost of a closed period now, less what is `kept` of it: its frozen lines and the sum of its
    adjustments. Credits stay out of it."""
    current = priced(usage(connection, closed.start, closed.end, client), closed.tariff, months_of(closed.period))
    difference = combine([(1, current), *((-1, part) for part in kept)])
    difference.column("credit")[:] = 0
    return difference.without_zeros()


def minor_units(amount: str, currency: str) -> int:
    """A decimal amount in minor units. Raises BadParameterError for what is none, or has too many decimals."""
    exponent = EXPONENTS[currency]
    match = AMOUNT.fullmatch(amount)
    decimals = (match[3] or "") if match else ""
    if match is None or len(decimals) > exponent:
        raise BadParameterError(
            f"{amount!r} is no amount of {currency}; use up to {exponent} decimals, such as {_example(exponent)}."
        )
    units = int(match[2] + decimals.ljust(exponent, "0")) * (-1 if match[1] else 1)
    if not units:
        raise BadParameterError("an amount of nothing changes nothing; give another.")
    return units


def _freeze(
    connection: psycopg.Connection[Any], closed: ClosedPeriod, lines: Lines, now: datetime, reason: str, *, credit: bool
) -> Adjustment:
    before = adjustments(connection, closed.period_id)
    number = len(before) + 1
    rows = rows_of(connection, closed.period_id, number, lines)
    checksum = adjustment_checksum(
        closed.period_id, number, now, reason, before[-1].checksum if before else closed.checksum,
        [row[-1] for row in rows], credit=credit,
    )  # fmt: skip
    connection.execute(
        "INSERT INTO billing_adjustments (period_id, number, made_at, credit, reason, lines, checksum)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [closed.period_id, number, now, credit, reason, len(lines), checksum],
    )
    store_rows(connection, rows)
    return Adjustment(closed.period_id, number, now.astimezone(UTC), credit, reason, len(lines), checksum)


def _example(exponent: int) -> str:
    return f"12.{'5'.ljust(exponent, '0')}" if exponent else "12"
