"""The worker: takes jobs from the queue, and puts those of the table there when they are due. Any number may run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from procrastinate import App, JobContext, PsycopgConnector

from core.jobs.listing import enter
from core.jobs.queue import STALLED_SECONDS, queue
from core.jobs.stalled import rescue
from core.settings import Settings
from core.storage.connections import ALIVE, CONNECT_TIMEOUT
from core.storage.database import Database
from ingest.jobs import running
from ingest.jobs.report import Report
from ingest.jobs.task import Task, Work

log = structlog.get_logger()

AT_ONCE = 6
"""Jobs of one worker at the same time, each in a thread: a long one must not keep the others waiting."""
MISSED_SECONDS = 25 * 3600.0
"""What fell due within this time while no worker ran is done once when one starts: a daily job is never skipped."""
STOP_SECONDS = 8.0

CLOCK_SET_BACK = timedelta(minutes=1)
"""From this on what is due is reckoned anew, instead of waiting until the clock has been there again."""


def make_app(database: Database, settings: Settings, table: Iterable[Task], report: Report) -> App:
    """The queue of a database with the tasks of a table; not opened yet."""
    connector = PsycopgConnector(
        conninfo=database.dsn,
        kwargs={"connect_timeout": CONNECT_TIMEOUT, "options": "-c timezone=UTC", **ALIVE},
        min_size=1,
        max_size=4,
        timeout=CONNECT_TIMEOUT + 1,
    )
    app = App(connector=connector, periodic_defaults={"max_delay": MISSED_SECONDS})
    for task in table:
        _register(app, task, database, settings, report)
    return app


async def work(
    app: App, database: Database, table: Iterable[Task], report: Report, *, stalled_seconds: float = STALLED_SECONDS
) -> None:
    """Works until it is cancelled (then it waits for what it has begun), loses the database, or the clock is set back.
    The app has to be open."""
    await asyncio.to_thread(enter, database, list(table))
    looking = asyncio.ensure_future(_look_after(database, report, stalled_seconds))
    working = asyncio.ensure_future(
        app.run_worker_async(
            concurrency=AT_ONCE,
            install_signal_handlers=False,
            delete_jobs="successful",  # `jobs` says how they went; the queue stays short
            update_heartbeat_interval=stalled_seconds / 6,
            stalled_worker_timeout=stalled_seconds,
            shutdown_graceful_timeout=STOP_SECONDS,
        )
    )
    try:
        done, _ = await asyncio.wait({looking, working}, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            ended.result()
    finally:
        looking.cancel()
        working.cancel()
        await asyncio.gather(looking, working, return_exceptions=True)


async def _look_after(database: Database, report: Report, stalled_seconds: float) -> None:
    """What stalled, and how the queue is, until the clock is set back."""
    before = datetime.now(UTC)
    while (now := datetime.now(UTC)) > before - CLOCK_SET_BACK:
        before = now
        names = await asyncio.to_thread(rescue, database, now, stalled_seconds)
        if names:
            log.warning("Jobs whose worker died are queued again", jobs=names)
        report.queue = await asyncio.to_thread(queue, database)
        await asyncio.sleep(stalled_seconds / 6)
    log.warning("The clock was set back; what is due is reckoned anew", seconds=(before - now).total_seconds())


def _register(app: App, task: Task, database: Database, settings: Settings, report: Report) -> None:
    def run(context: JobContext, /, timestamp: int | None = None, **arguments: Any) -> str:
        """`timestamp`: when it was due, of one that comes by itself."""
        at_hand = Work(database, settings, datetime.now(UTC), context.should_abort)
        try:
            result = running.run(task, at_hand, **arguments)
        except Exception:
            report.ended(task.name, "failed", datetime.now(UTC))
            raise
        report.ended(task.name, "succeeded", datetime.now(UTC))
        return result

    registered = app.task(name=task.name, pass_context=True, retry=task.retry or False)(run)
    if task.period is not None:
        app.periodic(cron=task.period, lock=task.name, queueing_lock=task.name)(registered)
