"""The worker: each job once, whoever runs it; again when its worker died; in the list however it went."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.jobs import Job, defer, listing, runs
from core.jobs.health import health
from core.jobs.queue import queue
from core.jobs.stalled import MOST_ATTEMPTS, rescue
from core.settings import ROOT, Settings
from core.storage.database import Database
from ingest.jobs import running
from ingest.jobs.table import TABLE
from ingest.jobs.task import Task, Work
from tests.endtoend.stack import eventually
from tests.jobs.conftest import worker
from tests.jobs.killed import table as notes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ask(database: Database, name: str, **arguments: object) -> int | None:
    with database.borrow() as connection:
        return defer(connection, name, **arguments)  # type: ignore[arg-type]


def job(database: Database, name: str) -> Job:
    return next(job for job in listing(database) if job.name == name)


async def ended(database: Database, name: str, runs: int = 1) -> Job:
    async def has() -> bool:
        found = job(database, name)
        return found.runs >= runs and found.finished_at is not None

    await eventually(has, f"{name} to end")
    return job(database, name)


async def test_two_workers_run_each_job_once(any_database: Database) -> None:
    ran: Counter[int] = Counter()
    task = Task("count", "Count", lambda work, number: ran.update([number]) or "counted")
    for number in range(40):
        ask(any_database, "count", number=number)
    async with worker(any_database, [task]), worker(any_database, [task]):

        async def all_ran() -> bool:
            return len(ran) == 40 and queue(any_database).running == 0

        await eventually(all_ran, "all jobs to run")
    assert set(ran.values()) == {1}
    assert job(any_database, "count").runs == 40
    assert queue(any_database).waiting == 0


async def test_what_comes_by_itself_is_queued_once_by_two_workers(database: Database) -> None:
    ticks: list[datetime] = []
    task = Task("tick", "Tick every second", lambda work: ticks.append(work.now.replace(microsecond=0)), "* * * * * *")
    async with worker(database, [task]), worker(database, [task]):

        async def some() -> bool:
            return len(ticks) >= 4

        await eventually(some, "four ticks")
    assert max(Counter(ticks[1:]).values()) == 1


async def test_a_job_of_a_killed_worker_is_run_again(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    ask(database, "note")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.jobs.killed", database.dsn, str(file), cwd=ROOT
    )

    async def begun() -> bool:
        return file.exists()

    await eventually(begun, "the job to begin")
    process.kill()
    await process.wait()
    async with worker(database, notes(file)):
        done = await ended(database, "note", runs=2)
    assert file.read_text() == "begun\nbegun\n"
    assert (done.outcome, done.result, done.failures) == ("succeeded", "noted", 1)
    assert done.error == "The worker ended in the middle of it."


async def test_a_job_that_kills_its_worker_each_time_is_given_up(database: Database) -> None:
    number = ask(database, "deadly")
    for attempt in range(1, MOST_ATTEMPTS + 1):
        with database.borrow() as connection:
            connection.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [number])
        assert rescue(database, NOW) == ["deadly"]
        state = database.read("SELECT status::text, attempts FROM procrastinate_jobs")
        assert state["status"].tolist() == ["todo" if attempt < MOST_ATTEMPTS else "failed"]
    assert queue(database).failed == 1


async def test_a_stalled_job_gives_way_to_one_that_waits_in_its_place(database: Database) -> None:
    """The unique key of what comes by itself is free while it runs: the next one may wait already."""
    first = ask(database, "hourly", key="hourly", lock="hourly")
    with database.borrow() as connection:
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [first])
    assert ask(database, "hourly", key="hourly", lock="hourly") is not None
    assert ask(database, "hourly", key="hourly", lock="hourly") is None
    rescue(database, NOW)
    assert database.read("SELECT status::text FROM procrastinate_jobs ORDER BY id")["status"].tolist() == [
        "failed",
        "todo",
    ]


async def test_a_failure_is_entered_and_stops_nobody(database: Database) -> None:
    def fail(work: Work) -> str:
        raise ValueError("the disk is on fire")

    table = [Task("bad", "Fail", fail), Task("good", "Succeed", lambda work: "fine")]
    ask(database, "bad")
    ask(database, "good")
    async with worker(database, table) as report:
        bad, good = await ended(database, "bad"), await ended(database, "good")
    assert (bad.outcome, bad.error, bad.failures) == ("failed", "the disk is on fire", 1)
    assert (good.outcome, good.result) == ("succeeded", "fine")
    readings = {(name, *labels): value for name, labels, value in report.readings()}
    assert readings["jobs_runs", "bad", "failed"] == readings["jobs_runs", "good", "succeeded"] == 1
    found = health(database, datetime.now(UTC))
    assert found.line.endswith("1 failing, 1 given up")
    assert "The job bad failed: the disk is on fire" in found.troubles


def test_that_no_worker_runs_is_said(database: Database) -> None:
    assert any("No worker takes jobs" in trouble for trouble in health(database, NOW).troubles)


async def test_a_long_job_keeps_no_other_waiting(database: Database) -> None:
    release = threading.Event()
    table = [Task("long", "Wait", lambda work: str(release.wait(60))), Task("short", "Be quick", lambda work: "quick")]
    ask(database, "long")
    async with worker(database, table):
        ask(database, "short")
        assert (await ended(database, "short")).result == "quick"
        assert job(database, "long").outcome == "running"
        release.set()
        assert (await ended(database, "long")).result == "True"


def test_a_job_is_queued_with_the_transaction_that_asks_for_it(database: Database) -> None:
    with database.connect() as connection:
        assert defer(connection, "note", at=NOW + timedelta(days=1)) is not None
        connection.rollback()
    assert database.read("SELECT * FROM procrastinate_jobs").empty


def test_work_that_comes_by_itself_never_runs_twice_at_once(database: Database, settings: Settings) -> None:
    """Even when the queue gave it to another worker, because the first one was frozen for a while."""
    began: list[datetime] = []

    def begin(work: Work) -> str:
        began.append(work.now)
        return "worked"

    task = Task("hourly", "Work", begin, "0 * * * *")
    with runs.alone(database, "hourly") as first:
        assert first
        assert running.run(task, Work(database, settings, NOW)) == running.RUNS_ALREADY
    assert running.run(task, Work(database, settings, NOW)) == "worked"
    assert len(began) == 1


def test_every_job_of_the_table_runs(any_database: Database, settings: Settings) -> None:
    for task in TABLE:
        if task.period is not None:
            assert running.run(task, Work(any_database, settings, NOW))
