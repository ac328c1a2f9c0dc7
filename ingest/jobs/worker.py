"""The worker: takes jobs from the queue, and puts those of the table there when they are due. Any number may run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from procrastinate import App, JobContext, PsycopgConnector

from core.jobs.listing import enter
from core.jobs.queue import STALLED_SECONDS
from core.jobs.stalled import rescue
from core.settings import Settings
from core.storage.connections import ALIVE, CONNECT_TIMEOUT
from core.storage.database import Database
from ingest.jobs import running
from ingest.jobs.task import Task, Work

log = structlog.get_logger()

AT_ONCE = 6
"""Jobs of one worker at the same time, each in a thread: a long one must not keep the others waiting."""
HEARTBEAT_SECONDS = STALLED_SECONDS / 6
MISSED_SECONDS = 25 * 3600.0
"""What fell due within this time while no worker ran is done once when one starts: a daily job is never skipped."""
STOP_SECONDS = 8.0

Observer = Callable[[str, str], None]
"""Told of each job that ended: its name, and succeeded or failed."""


def make_app(database: Database, settings: Settings, table: Iterable[Task], observe: Observer | None = None) -> App:
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
        _register(app, task, database, settings, observe or (lambda _name, _outcome: None))
    return app


async def work(
    app: App, database: Database, table: Iterable[Task], *, stalled_seconds: float = STALLED_SECONDS
) -> None:
    """Works until it is cancelled; then waits for what it has begun. The app has to be open."""
    await asyncio.to_thread(enter, database, list(table))
    rescuing = asyncio.ensure_future(_rescue(database, stalled_seconds))
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
        done, _ = await asyncio.wait({rescuing, working}, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            ended.result()
    finally:
        rescuing.cancel()
        working.cancel()
        await asyncio.gather(rescuing, working, return_exceptions=True)


async def _rescue(database: Database, stalled_seconds: float) -> None:
    while True:
        names = await asyncio.to_thread(rescue, database, datetime.now(UTC), stalled_seconds)
        if names:
            log.warning("Jobs whose worker died are queued again", jobs=names)
        await asyncio.sleep(stalled_seconds / 6)


def _register(app: App, task: Task, database: Database, settings: Settings, observe: Observer) -> None:
    def run(context: JobContext, /, timestamp: int | None = None, **arguments: Any) -> str:
        """`timestamp`: when it was due, of one that comes by itself."""
        at_hand = Work(database, settings, datetime.now(UTC), context.should_abort)
        try:
            result = running.run(task, at_hand, **arguments)
        except Exception:
            observe(task.name, "failed")
            raise
        observe(task.name, "succeeded")
        return result

    registered = app.task(name=task.name, pass_context=True, retry=task.retry or False)(run)
    if task.period is not None:
        app.periodic(cron=task.period, lock=task.name, queueing_lock=task.name)(registered)
