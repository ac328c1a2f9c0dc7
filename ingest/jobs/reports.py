"""Scheduled reports: what is due is entered, and each entry is a job of its own, so that none delays another."""

from __future__ import annotations

from procrastinate import RetryStrategy

from core.exceptions import DatabaseUnavailableError, DeliveryFailed, RelayAnalyticsError
from core.schedules import due, ledger, running
from ingest.jobs.task import Work

RETRY = RetryStrategy(
    max_attempts=running.MOST_ATTEMPTS, exponential_wait=4, retry_exceptions={DeliveryFailed, DatabaseUnavailableError}
)


def enter(work: Work) -> str:
    """Enter what fell due, and give up entries whose job is gone."""
    entered = due.enter_due(work.database, work.now)
    stranded = ledger.give_up_stranded(work.database, work.now)
    said = f"{entered.queued} due"
    said += f", {entered.superseded} missed" if entered.superseded else ""
    return said + (f", {stranded} given up" if stranded else "")


def send(work: Work, run_id: int) -> str:
    """Make and deliver one entry of the ledger; what nobody foresaw is entered there too."""
    try:
        return running.run(work.database, work.settings, run_id, work.now)
    except RelayAnalyticsError:
        raise
    except Exception as error:
        ledger.finish(work.database, run_id, "failed", work.now, error=f"It could not be made: {error!r}")
        raise
