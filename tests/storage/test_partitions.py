"""Day partitions: nobody misses a row while it gets one, and none is kept waiting for long."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from core.records import Event
from core.storage import partitions
from core.storage.database import Database
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event

COUNT = "SELECT count(*) FROM traffic_events_raw"
WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE NOT granted AND datname = current_database()"""


def store(database: Database, events: list[Event], sequence: int = 1) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch(events, sequence=sequence)])


def until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 30
    while not condition():
        assert monotonic() < deadline, "still waiting"
        sleep(0.01)


def one(connection: psycopg.Connection[Any], statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_a_query_planned_while_rows_get_a_partition_misses_none(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mover is stopped before it attaches; a query begins meanwhile, and waits; then both go on."""
    monkeypatch.setattr(partitions, "LOCK_PATIENCE", "20s")
    store(database, [event(NOON + timedelta(seconds=number)) for number in range(100)])
    with (
        ThreadPoolExecutor(2) as threads,
        database.connect(autocommit=True) as watcher,
        database.connect() as holder,
        database.connect(autocommit=True) as reader,
    ):
        holder.execute("LOCK TABLE ONLY traffic_events_raw IN SHARE UPDATE EXCLUSIVE MODE")  # as ANALYZE does
        moving = threads.submit(partitions.ensure_days, database, [NOON.date()])
        until(lambda: one(watcher, WAITING) == 1)
        counting = threads.submit(one, reader, COUNT)
        until(lambda: one(watcher, WAITING) == 2)
        holder.rollback()
        assert counting.result(30) == 100
        assert moving.result(30) > 0
        assert one(watcher, "SELECT count(*) FROM ONLY traffic_events_raw_default") == 0
    assert verify(database) == []


def test_rows_stay_in_default_while_a_reader_uses_the_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_PATIENCE", "50ms")
    store(database, [event(NOON)] * 5)
    with database.connect() as reader:
        assert one(reader, COUNT) == 5
        partitions.ensure_days(database, [NOON.date()])
        assert one(reader, "SELECT count(*) FROM traffic_events_raw_default") == 5
    assert partitions.ensure_days(database, [NOON.date()]) > 0
    with database.connect() as reader:
        assert one(reader, "SELECT count(*) FROM traffic_events_raw_default") == 0
        assert one(reader, COUNT) == 5


def test_old_rows_of_a_table_in_use_go_another_time(any_database: Database) -> None:
    now = datetime.now(UTC)
    partitions.ensure_days(any_database, [NOON.date()])
    store(any_database, [event(NOON)] * 3 + [event(now)])
    with any_database.connect() as reader:
        assert one(reader, COUNT) == 4
        done = threading.Event()

        def drop() -> None:
            with contextlib.suppress(psycopg.errors.LockNotAvailable):
                partitions.drop_before(any_database, now, patience="50ms")
            done.set()

        threading.Thread(target=drop).start()
        assert done.wait(30)
        assert one(reader, COUNT) == 4
    partitions.drop_before(any_database, now)
    with any_database.connect() as reader:
        assert one(reader, COUNT) == 1
    assert verify(any_database) == []
