"""Stored schedules: made, changed, paused and removed, each time by someone who may, with an entry in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from core.accounts import users
from core.accounts.users import User
from core.audit import Actor, recorded
from core.delivery import registry
from core.exceptions import BadParameterError, NotAllowedError, UnknownScheduleError
from core.periods import zone_of
from core.permissions import Viewer, decide, require, resource_of
from core.schedules.schedule import Plan, Schedule, read
from core.schedules.timing import days_covered
from core.sql import load
from core.storage.database import Database

OPERATOR = User("", "", "admin", None, True)
"""Whoever runs commands on this machine may do everything."""


def may(viewer: Viewer, plan: Plan) -> None:
    """Raises NotAllowedError unless `viewer` may have this report delivered."""
    require(viewer, "manage", "schedules")
    require(viewer, "export", resource_of(plan.report), plan.filters.get("client"))


def add(database: Database, actor: Actor, viewer: Viewer, plan: Plan, now: datetime) -> Schedule:
    """Store a schedule of `viewer`, after the report was read once as it would be now.

    Raises NotAllowedError, UnknownChannelError, and BadParameterError for what cannot be used or a name that is taken.
    """
    plan = plan.checked()
    with _recorded(database, actor, "schedule.add", now, plan):
        _try(database, viewer, plan, now)
        values = _values(database, plan) | {"owner": _owner(viewer, actor), "by": actor.name, "now": now}
        with _unique(plan), database.borrow() as connection:
            row = connection.execute(load("schedule_add"), values).fetchone()
    assert row is not None  # noqa: S101 (an INSERT returns its row)
    return get(database, row[0])


def change(database: Database, actor: Actor, viewer: Viewer, schedule_id: int, plan: Plan, now: datetime) -> Schedule:
    """Replace what a schedule sends. Raises UnknownScheduleError and what `add` raises."""
    plan = plan.checked()
    with _recorded(database, actor, "schedule.change", now, plan, schedule=schedule_id):
        allowed(get(database, schedule_id), viewer, actor)
        _try(database, viewer, plan, now)
        values = _values(database, plan) | {"schedule_id": schedule_id, "now": now}
        with _unique(plan), database.borrow() as connection:
            connection.execute(load("schedule_change"), values)
    return get(database, schedule_id)


def set_active(
    database: Database, actor: Actor, viewer: Viewer, schedule_id: int, active: bool, now: datetime
) -> Schedule:
    """Pause a schedule or let it go on; what was due while it was paused is not sent.

    Raises UnknownScheduleError, NotAllowedError.
    """
    with recorded(database, actor, "schedule.active", now, schedule=schedule_id, active=active):
        allowed(get(database, schedule_id), viewer, actor)
        with database.borrow() as connection:
            connection.execute(
                "UPDATE schedules SET active = %s, due_after = greatest(due_after, %s)"
                " WHERE schedule_id = %s AND active <> %s",
                [active, now, schedule_id, active],
            )
    return get(database, schedule_id)


def remove(database: Database, actor: Actor, viewer: Viewer, schedule_id: int, now: datetime) -> None:
    """Remove a schedule and its ledger. Raises UnknownScheduleError, NotAllowedError."""
    with recorded(database, actor, "schedule.remove", now, schedule=schedule_id):
        allowed(get(database, schedule_id), viewer, actor)
        with database.borrow() as connection:
            connection.execute("DELETE FROM schedules WHERE schedule_id = %s", [schedule_id])


def listing(database: Database) -> list[Schedule]:
    """All schedules by name."""
    with database.borrow() as connection:
        return [_schedule(row) for row in connection.execute(load("schedules"), {"schedule_id": None}).fetchall()]


def get(database: Database, schedule_id: int) -> Schedule:
    """Raises UnknownScheduleError."""
    with database.borrow() as connection:
        return read_one(connection, schedule_id)


def named(database: Database, name: str) -> Schedule:
    """Raises UnknownScheduleError."""
    for schedule in listing(database):
        if schedule.plan.name == name:
            return schedule
    raise UnknownScheduleError(f"There is no schedule named {name!r}.")


def read_one(connection: psycopg.Connection[Any], schedule_id: int) -> Schedule:
    """The same in a transaction of the caller."""
    row = connection.execute(load("schedules"), {"schedule_id": schedule_id}).fetchone()
    if row is None:
        raise UnknownScheduleError(f"There is no schedule with the number {schedule_id}.")
    return _schedule(row)


def allowed(schedule: Schedule, viewer: Viewer, actor: Actor) -> None:
    """Raises NotAllowedError unless `viewer` administers or the schedule is its own."""
    require(viewer, "manage", "schedules")
    if viewer.role != "admin" and schedule.owner != actor.name:
        raise NotAllowedError(f"This schedule is of {schedule.owner or 'the operator'}; only an admin may change it.")


def owner_of(database: Database, schedule: Schedule) -> Viewer:
    """Whose rights a schedule has now. Raises NotAllowedError when its owner may not sign in any more."""
    if schedule.owner is None:
        return OPERATOR
    found = users.get(database, schedule.owner)
    if found is None or not found.active:
        raise NotAllowedError(f"Its owner {schedule.owner} may not sign in any more; let another user make it anew.")
    decision = decide(found, "export", resource_of(schedule.plan.report), schedule.plan.filters.get("client"))
    if not decision.allowed:
        raise NotAllowedError(f"Of its owner {schedule.owner}: {decision.reason}")
    return found


def _try(database: Database, viewer: Viewer, plan: Plan, now: datetime) -> None:
    """Read the report once as it would be now: what it refuses is said now, not when it is due."""
    may(viewer, plan)
    read(plan, days_covered(plan.covers, now, zone_of(plan.time_zone)), database, now)


def _owner(viewer: Viewer, actor: Actor) -> str | None:
    return None if viewer is OPERATOR else actor.name


def _values(database: Database, plan: Plan) -> dict[str, Any]:
    values = asdict(plan) | {"filters": Jsonb(dict(plan.filters))}
    return values | {"channel_id": registry.named(database, plan.channel).channel_id}


@contextmanager
def _unique(plan: Plan) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise BadParameterError(f"There is a schedule named {plan.name!r} already.") from error


@contextmanager
def _recorded(
    database: Database, actor: Actor, action: str, now: datetime, plan: Plan, **details: Any
) -> Iterator[None]:
    with recorded(database, actor, action, now, **details, **(asdict(plan) | {"filters": dict(plan.filters)})):
        yield


def _schedule(row: tuple[Any, ...]) -> Schedule:
    plan = Plan(*row[1:10])
    return Schedule(row[0], plan, *row[10:])
