"""One entry of the ledger: the report is read and composed in a process of its own, then delivered.

Whatever happens is in the ledger. A worker that is killed after the delivery and before it was entered delivers again
under the same key, by which a recipient knows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic

from core.apart import apart
from core.delivery import registry
from core.delivery.channels import deliver
from core.delivery.message import Message
from core.exceptions import (
    ApartError,
    DatabaseUnavailableError,
    DeliveryFailed,
    RelayAnalyticsError,
    ReportFailedError,
    StatementTimeoutError,
)
from core.jobs.runs import alone
from core.schedules import ledger, store
from core.schedules.ledger import Made, Run
from core.schedules.schedule import Plan, Schedule
from core.schedules.timing import days_covered
from core.settings import Settings
from core.storage.database import Database

MOST_ATTEMPTS = 8
"""With the pauses between them (4 s, 16 s, … 4.5 h) over some six hours."""
PATIENCE = timedelta(minutes=30)
"""How long after it was due a report waits for the last messages of its days to be counted."""
PAUSE = timedelta(minutes=1)
NOT_COMPLETE = "Waits until all messages of its days are counted."
MAKE = "core.schedules.making:make"
MAKING_SECONDS = 180.0


def run(database: Database, settings: Settings, run_id: int, now: datetime) -> str:
    """Make and deliver an entry; says what became of it.

    Raises DeliveryFailed when another attempt makes sense, ReportFailedError when it is given up.
    """
    began = monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=monotonic() - began)

    with alone(database, f"{ledger.TASK}-{run_id}") as mine:
        entry = ledger.begin(database, run_id, now) if mine else None
        if entry is None:
            return "Nothing to do: it is finished, or under way elsewhere."
        schedule = store.get(database, entry.schedule_id)
        try:
            return _attempt(database, settings, schedule, entry, clock)
        except DatabaseUnavailableError:
            raise
        except DeliveryFailed as error:
            raise _failed(database, entry, error, clock()) from error
        except (StatementTimeoutError, ApartError) as error:
            raise _failed(database, entry, DeliveryFailed(str(error), retryable=True), clock()) from error
        except RelayAnalyticsError as error:
            ledger.finish(database, run_id, "failed", clock(), error=str(error))
            raise ReportFailedError(f"{schedule.plan.name}, {entry.days}: {error}") from error


def _attempt(
    database: Database, settings: Settings, schedule: Schedule, entry: Run, clock: Callable[[], datetime]
) -> str:
    store.owner_of(database, schedule)
    made: Made = apart(
        MAKE, database.dsn, database.demo, whose(database, settings), schedule, entry, clock(), seconds=MAKING_SECONDS
    )
    if not made.complete and clock() < entry.due_at + PATIENCE and not entry.resends:
        with database.borrow() as connection:
            ledger.wait_until(connection, entry.run_id, NOT_COMPLETE, clock() + PAUSE)
        return NOT_COMPLETE
    if made.message is None:
        ledger.finish(database, entry.run_id, "skipped-empty", clock(), detail="Nothing happened in these days.")
        return "Nothing happened in these days; not sent."
    channel = registry.named(database, schedule.plan.channel)
    receipt = deliver(channel, made.message, key=entry.key, settings=settings, reached=entry.reached)
    said = {"detail": f"{receipt.detail}.", "reached": list(receipt.reached)}
    ledger.finish(database, entry.run_id, "delivered", clock(), **said)
    return f"{schedule.plan.name}, {entry.days}: {receipt.detail}"


def preview(database: Database, settings: Settings, plan: Plan, now: datetime) -> Message:
    """What would be sent if it were due now. Raises what reading the report raises, and ApartError."""
    schedule = Schedule(0, replace(plan, skip_empty=False), True, None, "", now, now)
    days = days_covered(plan.covers, now, schedule.zone)
    entry = Run(0, 0, days.first, days.last, now, "waiting", 0, 0, None, None, (), None, None)
    made: Made = apart(
        MAKE, database.dsn, database.demo, whose(database, settings), schedule, entry, now, seconds=MAKING_SECONDS
    )
    assert made.message is not None  # noqa: S101 (without skip_empty there is one)
    return made.message


def whose(database: Database, settings: Settings) -> str:
    """The name of the relay whose numbers a database holds; nothing where events of several services have none."""
    return settings.relay if settings.relay_name or settings.relay_url or database.demo else ""


def _failed(database: Database, entry: Run, error: DeliveryFailed, now: datetime) -> RelayAnalyticsError:
    """Enter a failed delivery; the exception that tells the queue whether to try again."""
    reached = list({*entry.reached, *error.reached})
    again = error.retryable and entry.attempts < MOST_ATTEMPTS
    ledger.finish(database, entry.run_id, "waiting" if again else "failed", now, error=str(error), reached=reached)
    return error if again else ReportFailedError(f"Not delivered: {error}")
