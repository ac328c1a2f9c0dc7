"""A worker of its own process, to be killed in the middle of a job: `python -m tests.jobs.killed DSN FILE`.

The job writes a line at its beginning, and waits for ever the first time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from core.settings import Settings
from core.storage.database import Database
from ingest.jobs.report import Report
from ingest.jobs.task import Task, Work
from ingest.jobs.worker import make_app, work
from tests.jobs.conftest import STALLED_SECONDS


def table(file: Path) -> list[Task]:
    def note(work: Work) -> str:
        with file.open("a") as lines:
            lines.write("begun\n")
        if len(file.read_text().splitlines()) == 1:
            time.sleep(600)
        return "noted"

    return [Task("note", "Write a line", note)]


async def main(dsn: str, file: Path) -> None:
    database, tasks = Database(dsn), table(file)
    report = Report(tasks)
    app = make_app(database, Settings(_env_file=None), tasks, report)
    async with app.open_async():
        await work(app, database, tasks, report, stalled_seconds=STALLED_SECONDS)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
