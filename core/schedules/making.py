"""The message of an entry of the ledger. Runs in a process of its own: it loads what draws and sets pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.documents.document import is_empty
from core.schedules.composing import compose
from core.schedules.ledger import Made, Run
from core.schedules.schedule import Schedule, read
from core.storage.database import Database

LATE = timedelta(hours=1)
"""From then on a report says that it comes later than it was due."""


def make(dsn: str, demo: bool, relay: str, schedule: Schedule, entry: Run, now: datetime) -> Made:
    """Read the report and compose its message. `relay`: whose numbers these are. Raises what reading raises."""
    with Database(dsn, demo=demo, pool_size=2) as database:
        result = read(schedule.plan, entry.days, database, now)
    covered = result.meta.complete_up_to
    complete = covered is None or covered >= result.meta.end
    if schedule.plan.skip_empty and not entry.resends and is_empty(result):
        return Made(None, complete)
    return Made(compose(schedule, entry.days, result, relay, entry.due_at, _late(schedule, entry, now)), complete)


def _late(schedule: Schedule, entry: Run, now: datetime) -> str | None:
    if now - entry.due_at < LATE or entry.resends:
        return None
    due = entry.due_at.astimezone(schedule.zone)
    return f"This report was due on {due:%-d %b %Y at %H:%M}; it could not be sent before."
