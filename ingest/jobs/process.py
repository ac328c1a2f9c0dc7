"""The process of the worker, which does jobs and looks at the rules for alerts: it waits for a database that is away,
and stops when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

import psycopg
import structlog
from procrastinate.exceptions import ConnectorException

from core.exceptions import RelayAnalyticsError
from core.settings import Settings
from ingest.alerts import watch
from ingest.jobs.report import Report
from ingest.jobs.table import TABLE
from ingest.jobs.worker import make_app, work
from ingest.metrics_server import application, serving
from ingest.pulse import Pulse
from ingest.vitals import Vitals
from ingest.writer import connect

log = structlog.get_logger()

NAME = "jobs"
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
AWAY = (RelayAnalyticsError, ConnectorException, psycopg.Error, OSError)
"""What says that the database is away, or not as it should be."""


def run_jobs(settings: Settings, pulse: int | None = None) -> None:
    """Works until SIGTERM, then finishes what it has begun. `pulse`: the descriptor to show signs of life on; without
    one this process serves its metrics itself."""
    logging.getLogger("procrastinate").addHandler(_Trouble())
    asyncio.run(_serve(settings, Pulse(pulse) if pulse is not None else None))


class _Trouble(logging.Handler):
    """The library's own trouble among our lines; how jobs went is logged where they run."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and not getattr(record, "action", "").startswith("job_"):
            log.warning("The job queue has trouble", what=record.getMessage())


async def _serve(settings: Settings, pulse: Pulse | None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    report = Report(TABLE)
    vitals = Vitals(report.readings, NAME, pulse)
    health = application(vitals.exposition, lambda: vitals.health(stopping=stop.is_set()))
    with serving(settings.metrics_host, settings.metrics_port if pulse is None else 0, health):
        beats = asyncio.ensure_future(vitals.beat())
        await _keep_working(stop, settings, report)
        beats.cancel()


async def _keep_working(stop: asyncio.Event, settings: Settings, report: Report) -> None:
    pause = FIRST_PAUSE
    while not stop.is_set():
        try:
            await _until(stop, settings, report)
            pause = FIRST_PAUSE
        except AWAY as error:
            log.warning("The database takes no jobs", error=str(error), retry_in=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(LONGEST_PAUSE, pause * 2)


async def _until(stop: asyncio.Event, settings: Settings, report: Report) -> None:
    """Works until told to stop, or the database is lost (the exception of that)."""
    database = await asyncio.to_thread(connect, settings)
    try:
        app = make_app(database, settings, TABLE, report)
        async with app.open_async():
            log.info("The worker takes jobs", database=database.name)
            parts = (work(app, database, TABLE, report), watch(database, settings, report.looked))
            working = [asyncio.ensure_future(part) for part in parts]
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({*working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            for each in working:
                each.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            for each in working:
                if not each.cancelled() and (error := each.exception()) is not None:
                    raise error
    finally:
        database.close()
