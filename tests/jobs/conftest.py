"""Workers in the test's own process, on the test's own database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from core.jobs import listing
from core.settings import Settings
from core.storage.database import Database
from ingest.jobs.report import Report
from ingest.jobs.task import Task
from ingest.jobs.worker import make_app, work
from tests.endtoend.stack import eventually

STALLED_SECONDS = 0.9
"""A killed worker's job is taken over after this long, so that tests need not wait."""


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None)


@asynccontextmanager
async def worker(database: Database, table: Iterable[Task]) -> AsyncIterator[Report]:
    """Works on these tasks until the end of the block."""
    tasks = list(table)
    report = Report(tasks)
    app = make_app(database, Settings(_env_file=None), tasks, report)
    async with app.open_async():
        working = asyncio.ensure_future(work(app, database, tasks, report, stalled_seconds=STALLED_SECONDS))
        try:

            async def entered() -> bool:
                return {job.name for job in listing(database)} == {task.name for task in tasks}

            await eventually(entered, "the worker to begin")
            yield report
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
