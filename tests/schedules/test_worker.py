"""Scheduled reports through real workers: each once, though one fails, one hangs, and the mail server comes late."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from procrastinate import RetryStrategy

from core.apart import named
from core.exceptions import DeliveryFailed
from core.schedules import ledger, running, store
from core.settings import Settings
from core.storage.database import Database
from ingest.jobs import reports
from ingest.jobs.report import Report
from ingest.jobs.task import Task, Work
from ingest.jobs.worker import make_app, work
from tests.delivery.receivers import hook_server, settings, smtp_server
from tests.endtoend.stack import eventually
from tests.schedules.conftest import ADMIN, MADE_AT, stored
from tests.support.traffic import messages, samples, write

NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)
AT_ONCE = RetryStrategy(max_attempts=running.MOST_ATTEMPTS, wait=0, retry_exceptions={DeliveryFailed})
"""The pauses between attempts left out."""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "apart", lambda function, *arguments, seconds: named(function)(*arguments))


@asynccontextmanager
async def worker(database: Database, options: Settings, task: Task) -> AsyncIterator[None]:
    report = Report([task])
    app = make_app(database, options, [task], report)
    async with app.open_async():
        working = asyncio.ensure_future(work(app, database, [task], report))
        try:
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


def settled(database: Database) -> dict[int, str]:
    return {run.schedule_id: run.state for run in ledger.listing(database)}


async def until(database: Database, wanted: dict[int, str]) -> None:
    async def reached() -> bool:
        return settled(database) == wanted

    await eventually(reached, f"the ledger to say {wanted}")


async def test_two_workers_send_each_report_once_and_none_waits_for_one_that_fails_or_hangs(
    any_database: Database,
) -> None:
    write(any_database, messages(YESTERDAY, 5), samples(NOW))
    go_on = threading.Event()
    with hook_server() as good, hook_server() as bad, hook_server() as slow, smtp_server() as box:
        bad.statuses, slow.before = [410], go_on.wait
        box.refuse = {"ann@example.org": "450 not yet"}
        options = settings(
            delivery_private_addresses=True, smtp_host="localhost", smtp_port=box.port, smtp_tls="off",
            smtp_from="ra@example.org",
        )  # fmt: skip
        for name, server in (("good", good), ("bad", bad), ("slow", slow)):
            address = f"http://127.0.0.1:{server.port}/"
            stored(any_database, YESTERDAY, "webhook", address, name=name, channel=name, file_format="json")
        stored(any_database, YESTERDAY, "mail", "ann@example.org", name="mail", channel="mail")
        numbers = {one.plan.name: one.schedule_id for one in store.listing(any_database)}
        for number in numbers.values():
            ledger.send_now(any_database, ADMIN, store.OPERATOR, number, NOW)
        task = Task(ledger.TASK, "Send", reports.send, retry=AT_ONCE)
        async with worker(any_database, options, task), worker(any_database, options, task):
            ended = {"good": "delivered", "bad": "failed", "mail": "delivered"}
            try:
                await until(
                    any_database, {numbers[name]: state for name, state in (ended | {"slow": "running"}).items()}
                )
            finally:
                go_on.set()
            await until(any_database, {numbers[name]: state for name, state in (ended | {"slow": "delivered"}).items()})
    assert [len(server.calls) for server in (good, bad, slow)] == [1, 1, 1]
    assert len(box.mails) == 1
    (mail,) = ledger.listing(any_database, numbers["mail"])
    assert (mail.attempts, list(mail.reached)) == (2, ["ann@example.org"])


async def test_what_nobody_foresaw_fails_with_its_error(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, seconds: float) -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(running, "apart", broken)
    made = stored(database, YESTERDAY)
    ledger.send_now(database, ADMIN, store.OPERATOR, made.schedule_id, NOW)
    task = Task(ledger.TASK, "Send", reports.send, retry=AT_ONCE)
    async with worker(database, settings(), task):
        await until(database, {made.schedule_id: "failed"})
    (run,) = ledger.listing(database)
    assert run.error == "It could not be made: ZeroDivisionError('unforeseen')"


async def test_what_is_due_is_entered_and_sent_by_the_tasks_of_the_table(database: Database, tmp_path: Path) -> None:
    write(database, messages(MADE_AT, 5), samples(MADE_AT))
    made = stored(database)
    options = settings(delivery_dir=tmp_path)
    assert reports.enter(Work(database, options, MADE_AT + timedelta(days=1))) == "1 due"
    async with worker(database, options, Task(ledger.TASK, "Send", reports.send, retry=AT_ONCE)):
        await until(database, {made.schedule_id: "delivered"})
    assert len(ledger.listing(database)) == 1
