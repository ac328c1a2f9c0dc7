"""The ledger: one entry for each period of a schedule, whatever became of it. Its state is kept here, not in the queue.

`waiting` (also for another attempt) → `running` → `delivered`, `failed` or `skipped-empty`; `superseded` are those that
were missed long ago, or that a clock which was ahead sent too early.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import psycopg

from core.audit import Actor, recorded
from core.delivery.message import Message
from core.exceptions import BadParameterError, UnknownRunError
from core.jobs import defer
from core.permissions import Viewer
from core.schedules import store
from core.schedules.schedule import Schedule
from core.schedules.timing import Days, days_covered
from core.sql import load
from core.storage.database import Database

State = Literal["waiting", "running", "delivered", "failed", "skipped-empty", "superseded"]
OPEN: tuple[State, ...] = ("waiting", "running")
TASK = "report"
"""The task that prepares and delivers one entry."""


@dataclass(frozen=True)
class Run:
    """An entry. `error`: why it failed, waits for another attempt, or was superseded; `detail`: what became of it;
    `resends`: how often someone asked for it again; `reached`: recipients that have it."""

    run_id: int
    schedule_id: int
    first_day: date
    last_day: date
    due_at: datetime
    state: State
    attempts: int
    resends: int
    error: str | None
    detail: str | None
    reached: Sequence[str]
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def days(self) -> Days:
        return Days(self.first_day, self.last_day)

    @property
    def key(self) -> str:
        """The idempotency key of what is delivered: another one only when someone asked for it again."""
        again = f"-{self.resends}" if self.resends else ""
        return f"schedule-{self.schedule_id}-{self.first_day:%Y%m%d}-{self.last_day:%Y%m%d}{again}"


@dataclass(frozen=True)
class Made:
    """What an entry came to. `message`: None when nothing is to be sent; `complete`: whether all of its days are
    counted."""

    message: Message | None
    complete: bool


def claim(
    connection: psycopg.Connection[Any],
    schedule: Schedule,
    days: Days,
    due_at: datetime,
    *,
    superseded: str | None = None,
) -> int | None:
    """Enter a period and queue its job in the caller's transaction; None when it is entered already.

    `superseded`: why it is entered without being sent.
    """
    values = {
        "schedule_id": schedule.schedule_id, "first": days.first, "last": days.last, "due_at": due_at,
        "state": "superseded" if superseded else "waiting", "error": superseded,
    }  # fmt: skip
    row = connection.execute(load("schedule_run_claim"), values).fetchone()
    if row is not None and superseded is None:
        _queue(connection, row[0])
    return int(row[0]) if row else None


def listing(database: Database, schedule_id: int | None = None, limit: int = 100) -> list[Run]:
    """The newest entries first; of one schedule if given."""
    with database.borrow() as connection:
        return _read(connection, schedule_id=schedule_id, limit=limit)


def latest(database: Database) -> list[Run]:
    """The newest entry of each schedule."""
    with database.borrow() as connection:
        return [Run(*row) for row in connection.execute(load("schedule_runs_latest")).fetchall()]


def get(database: Database, run_id: int) -> Run:
    """Raises UnknownRunError."""
    with database.borrow() as connection:
        found = _read(connection, run_id=run_id)
    if not found:
        raise UnknownRunError(f"The ledger has no entry with the number {run_id}.")
    return found[0]


def send_again(database: Database, actor: Actor, viewer: Viewer, run_id: int, now: datetime) -> Run:
    """Queue an entry once more, to everyone. Raises UnknownRunError, NotAllowedError, and BadParameterError while it
    is under way."""
    with recorded(database, actor, "schedule.resend", now, run=run_id):
        run = get(database, run_id)
        store.allowed(store.get(database, run.schedule_id), viewer, actor)
        with database.borrow() as connection:
            _again(connection, run_id)
    return get(database, run_id)


def send_now(database: Database, actor: Actor, viewer: Viewer, schedule_id: int, now: datetime) -> Run:
    """Queue the period that would be due now; once more if it was sent. Raises what `send_again` raises."""
    with recorded(database, actor, "schedule.send", now, schedule=schedule_id):
        schedule = store.get(database, schedule_id)
        store.allowed(schedule, viewer, actor)
        days = days_covered(schedule.plan.covers, now, schedule.zone)
        with database.borrow() as connection:
            run_id = claim(connection, schedule, days, now)
            if run_id is None:
                run_id = _of_period(connection, schedule_id, days)
                _again(connection, run_id)
    return get(database, run_id)


def _of_period(connection: psycopg.Connection[Any], schedule_id: int, days: Days) -> int:
    row = connection.execute(
        "SELECT run_id FROM schedule_runs WHERE schedule_id = %s AND first_day = %s AND last_day = %s",
        [schedule_id, days.first, days.last],
    ).fetchone()
    assert row is not None  # noqa: S101 (a claim that conflicts conflicts with it)
    return int(row[0])


def _again(connection: psycopg.Connection[Any], run_id: int) -> None:
    changed = connection.execute(
        "UPDATE schedule_runs SET state = 'waiting', attempts = 0, resends = resends + 1, reached = '{}', error = NULL,"
        " detail = NULL WHERE run_id = %s AND state <> ALL(%s)",
        [run_id, list(OPEN)],
    ).rowcount
    if changed == 0:
        raise BadParameterError("It is under way already.")
    _queue(connection, run_id)


def _queue(connection: psycopg.Connection[Any], run_id: int, at: datetime | None = None) -> None:
    defer(connection, TASK, lock=f"{TASK}-{run_id}", at=at, run_id=run_id)


def wait_until(connection: psycopg.Connection[Any], run_id: int, why: str, at: datetime) -> None:
    """Let an entry wait, and queue its job for then."""
    connection.execute(
        "UPDATE schedule_runs SET state = 'waiting', error = %s, attempts = attempts - 1 WHERE run_id = %s",
        [why, run_id],
    )
    _queue(connection, run_id, at)


def begin(database: Database, run_id: int, now: datetime) -> Run | None:
    """The entry, under way; None when it is finished already."""
    with database.borrow() as connection:
        changed = connection.execute(
            "UPDATE schedule_runs SET state = 'running', attempts = attempts + 1, started_at = %s"
            " WHERE run_id = %s AND state = ANY(%s)",
            [now, run_id, list(OPEN)],
        ).rowcount
        return _read(connection, run_id=run_id)[0] if changed else None


def finish(database: Database, run_id: int, state: State, now: datetime, **values: Any) -> None:
    """Enter what became of an attempt: `error`, `detail`, `reached`."""
    given = {"error": None, "detail": None, "reached": None} | values
    with database.borrow() as connection:
        connection.execute(
            "UPDATE schedule_runs SET state = %(state)s, finished_at = CASE WHEN %(open)s THEN NULL ELSE %(now)s END,"
            " error = %(error)s, detail = %(detail)s, reached = coalesce(%(reached)s, reached)"
            " WHERE run_id = %(run_id)s",
            given | {"state": state, "open": state in OPEN, "now": now, "run_id": run_id},
        )


def give_up_stranded(database: Database, now: datetime) -> int:
    """Entries whose job is gone fail; returns how many."""
    with database.borrow() as connection:
        return connection.execute(load("schedule_runs_stranded"), {"task": TASK, "now": now}).rowcount


def _read(
    connection: psycopg.Connection[Any], *, schedule_id: int | None = None, run_id: int | None = None, limit: int = 1
) -> list[Run]:
    asked = {"schedule_id": schedule_id, "run_id": run_id, "limit": limit}
    rows = connection.execute(load("schedule_runs"), asked).fetchall()
    return [Run(*row) for row in rows]
