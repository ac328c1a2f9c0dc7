"""Whether what was frozen is still what it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from core.billing.checksums import adjustment_checksum, erased_checksum, line_checksum, period_checksum
from core.billing.entries import ClosedPeriod, adjustments, closed_periods
from core.billing.lines import FIELDS
from core.storage.connections import Database


@dataclass(frozen=True)
class Tampered:
    """Something frozen that its checksum does not match. `number` 0 is the closing, else the adjustment; `client_id`
    names the line, None: the entry itself."""

    period_id: int
    number: int
    client_id: str | None
    what: str

    def __str__(self) -> str:
        entry = f"period {self.period_id}" + (f", adjustment {self.number}" if self.number else "")
        return f"{entry}{'' if self.client_id is None else f', {self.client_id}'}: {self.what}"


LINE = "the line is not as it was frozen"
ENTRY = "its facts were changed, lines of it were added, removed or replaced, or the entry before it was"
LOST = "is missing"
NO_ENTRY = "lines of an entry that does not exist"


def check(database: Database) -> list[Tampered]:
    """Recompute every checksum; returns what differs, in order. Raises DatabaseUnavailableError."""
    with database.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found: list[Tampered] = []
        known: set[tuple[int, int]] = set()
        previous: bytes | None = None
        periods = {closed.period_id: closed for closed in closed_periods(connection)}
        for period_id in range(1, max(periods, default=0) + 1):
            if period_id not in periods:
                found.append(Tampered(period_id, 0, None, LOST))
                previous = None
                continue
            found += _check_period(connection, periods[period_id], previous, known)
            previous = periods[period_id].checksum
        rows = connection.execute("SELECT DISTINCT period_id, number FROM billing_lines ORDER BY 1, 2").fetchall()
        return found + [Tampered(row[0], row[1], None, NO_ENTRY) for row in rows if row not in known]


def _check_period(
    connection: psycopg.Connection[Any], closed: ClosedPeriod, previous: bytes | None, known: set[tuple[int, int]]
) -> list[Tampered]:
    period_id = closed.period_id
    known.add((period_id, 0))
    found, lines = _check_lines(connection, period_id, 0)
    checksum = period_checksum(
        period_id, closed.start, closed.end, closed.time_zone, closed.source, closed.closed_at, previous, lines
    )
    if (checksum, len(lines)) != (closed.checksum, closed.lines):
        found.append(Tampered(period_id, 0, None, ENTRY))
    before = closed.checksum
    stored = {one.number: one for one in adjustments(connection, period_id)}
    for number in range(1, max(stored, default=0) + 1):
        known.add((period_id, number))
        one = stored.get(number)
        if one is None:
            found.append(Tampered(period_id, number, None, LOST))
            continue
        changed, lines = _check_lines(connection, period_id, number)
        found += changed
        checksum = adjustment_checksum(period_id, number, one.made_at, one.reason, before, lines, credit=one.credit)
        if (checksum, len(lines)) != (one.checksum, one.lines):
            found.append(Tampered(period_id, number, None, ENTRY))
        before = one.checksum
    return found


def _check_lines(
    connection: psycopg.Connection[Any], period_id: int, number: int
) -> tuple[list[Tampered], Sequence[bytes]]:
    """Lines that differ from their checksums, and the checksums as they are stored."""
    rows = connection.execute(
        f"""SELECT client_id, checksum, erased_checksum, {", ".join(FIELDS)} FROM billing_lines
            WHERE period_id = %s AND number = %s ORDER BY client_no""".encode(),  # noqa: S608 (our own names)
        [period_id, number],
    ).fetchall()
    changed = [
        Tampered(period_id, number, row[0], LINE)
        for row in rows
        if not _as_frozen(period_id, number, row[0], row[1], row[2], row[3:])
    ]
    return changed, [row[1] for row in rows]


def _as_frozen(
    period_id: int, number: int, client_id: str, checksum: bytes, erased: bytes | None, numbers: Sequence[int]
) -> bool:
    if erased is not None:
        return erased == erased_checksum(period_id, number, client_id, numbers, checksum)
    return checksum == line_checksum(period_id, number, client_id, numbers)
