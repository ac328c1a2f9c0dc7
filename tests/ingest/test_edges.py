"""What goes wrong at the edge of a task is said, and the task goes on."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.storage.connections import Database
from core.storage.fold import fold
from ingest import child, upkeep
from ingest.child import Child
from ingest.pulse import PulseReader
from ingest.upkeep import Upkeep


async def test_a_process_that_cannot_get_a_pulse_is_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def scarce() -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError(24, "Too many open files")
        return PulseReader()

    monkeypatch.setattr(child, "PulseReader", scarce)
    monkeypatch.setattr(child, "FIRST_PAUSE", 0.0)
    one = Child("writer", ("--help",))
    with capture_logs() as logs:
        keeping = asyncio.ensure_future(one.keep_running())
        while one.process is None:  # noqa: ASYNC110 - the event loop is this test's
            await asyncio.sleep(0)
        await one.stop(30, asyncio.Event())
        await keeping
    assert [entry["error"] for entry in logs if "could not be started" in entry["event"]] == [
        "[Errno 24] Too many open files"
    ] * 2


def test_a_fault_in_the_fold_does_not_end_the_folding(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    folded = threading.Event()
    faults = [ZeroDivisionError()]

    def faulty(of: Database, now: datetime) -> None:
        if faults:
            raise faults.pop()
        fold(of, now)
        folded.set()

    monkeypatch.setattr(upkeep, "fold", faulty)
    monkeypatch.setattr(upkeep, "FOLD_SECONDS", 0.01)
    folding = Upkeep(database)
    with capture_logs() as logs:
        folding.start()
        assert folded.wait(30)
        folding.stop()
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "A fault in the fold: it is tried again when it is due"
    ]
