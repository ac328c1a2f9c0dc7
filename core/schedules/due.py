"""What is due: entered in the ledger and queued, in one transaction per schedule, so that nothing is entered twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from core.schedules import ledger, store
from core.schedules.schedule import Schedule
from core.schedules.timing import Days, days_covered, due_between
from core.storage.database import Database

MOST_MISSED = 5
"""Of the periods that fell due while nothing ran, the newest so many are sent; older ones are entered as superseded."""
LONGEST_GAP = timedelta(days=400)
"""What was missed before that is not entered at all."""
CLOCK_AHEAD = timedelta(hours=3)
"""A clock that was ahead by more than this is taken for wrong; by less, what it did early counts as done."""
MISSED = f"Missed while nothing ran; only the newest {MOST_MISSED} periods are sent then. It can be sent by hand."
TOO_EARLY = "Sent by a clock that was ahead; it is sent again when it is really due."


@dataclass(frozen=True)
class Entered:
    queued: int = 0
    superseded: int = 0


def enter_due(database: Database, now: datetime) -> Entered:
    """Enter what fell due up to `now`, of every active schedule."""
    queued = superseded = 0
    for schedule in store.listing(database):
        if schedule.active:
            entered = _enter(database, schedule.schedule_id, now)
            queued, superseded = queued + entered.queued, superseded + entered.superseded
    return Entered(queued, superseded)


def _enter(database: Database, schedule_id: int, now: datetime) -> Entered:
    with database.borrow() as connection:
        locked = connection.execute(
            "SELECT due_after FROM schedules WHERE schedule_id = %s AND active FOR UPDATE", [schedule_id]
        ).fetchone()
        if locked is None:
            return Entered()  # paused or removed meanwhile
        schedule = store.read_one(connection, schedule_id)
        after: datetime = locked[0]
        if after - now > CLOCK_AHEAD:
            _take_back(connection, schedule_id, now)
            after = now
        if after >= now:
            return Entered()
        entered = _claim_all(connection, schedule, _missing(schedule, max(after, now - LONGEST_GAP), now))
        connection.execute("UPDATE schedules SET due_after = %s WHERE schedule_id = %s", [now, schedule_id])
    return entered


def _missing(schedule: Schedule, after: datetime, now: datetime) -> dict[Days, datetime]:
    """The periods that fell due, in their order, and when each did first."""
    found: dict[Days, datetime] = {}
    for due_at in due_between(schedule.plan.cron, schedule.zone, after, now):
        found.setdefault(days_covered(schedule.plan.covers, due_at, schedule.zone), due_at)
    return found


def _claim_all(connection: psycopg.Connection[Any], schedule: Schedule, found: dict[Days, datetime]) -> Entered:
    late = len(found) - MOST_MISSED
    queued = superseded = 0
    for place, (days, due_at) in enumerate(found.items()):
        too_old = place < late
        claimed = ledger.claim(connection, schedule, days, due_at, superseded=MISSED if too_old else None)
        queued += claimed is not None and not too_old
        superseded += claimed is not None and too_old
    return Entered(queued, superseded)


def _take_back(connection: psycopg.Connection[Any], schedule_id: int, now: datetime) -> None:
    """The clock was far ahead: what it did for the future is not done, and gets done when it is due."""
    connection.execute("UPDATE schedules SET due_after = %s WHERE schedule_id = %s", [now, schedule_id])
    connection.execute(
        "UPDATE schedule_runs SET state = 'superseded', error = %s WHERE schedule_id = %s AND due_at > %s",
        [TOO_EARLY, schedule_id, now],
    )
