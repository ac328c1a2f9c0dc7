"""From the spool into the database: exactly once, through crashes of the writer and outages of the database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from structlog.testing import capture_logs

from core.exceptions import DatabaseUnavailableError
from core.records import Batch, Event, decode_batch
from core.settings import ROOT, Settings
from core.storage.database import Database
from core.storage.verify import verify
from core.storage.writer import BatchWriter, WriteResult
from ingest.spool import Spool, spool_path
from ingest.writer import Writer
from tests.ingest.conftest import MakeSettings

DEADLINE = 60.0
NOW = int(datetime.now(UTC).timestamp() * 1e6)


@pytest.fixture
def settings(make_settings: MakeSettings, database: Database) -> Settings:
    return make_settings("ws://relay.invalid", database_url=database.dsn)


@pytest.fixture
def spool(settings: Settings):  # type: ignore[no-untyped-def]
    with Spool(spool_path(settings, 0), settings.spool_max_bytes) as opened:
        yield opened


def append(spool: Spool, batches: int, rows: int = 10) -> None:
    for number in range(batches):
        events = [Event(NOW + number, f"client {number % 7}", "REQ", "ok", connection=row) for row in range(rows)]
        spool.append(Batch("tap:relay:0:run", 0, "relay", events, [], [], []))


def stored(database: Database) -> int:
    with database.connect() as connection:
        row = connection.execute("SELECT count(*) FROM traffic_events_raw").fetchone()
        assert row is not None
        return int(row[0])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "still waiting"
        time.sleep(0.02)


def test_what_the_spool_holds_is_stored_and_then_forgotten(
    settings: Settings, database: Database, spool: Spool
) -> None:
    append(spool, 3)
    writer = Writer(settings, lambda _: database)
    assert writer.step() == 3
    assert writer.step() == 0
    writer.close()
    assert stored(database) == 30
    assert spool.is_empty()


def test_nothing_is_acknowledged_before_it_is_stored(settings: Settings, database: Database, spool: Spool) -> None:
    append(spool, 3)

    def unreachable(_: Settings) -> Database:
        raise DatabaseUnavailableError

    writer = Writer(settings, unreachable)
    with pytest.raises(DatabaseUnavailableError):
        writer.step()
    writer.close()
    assert len(spool.read()) == 3


def test_a_batch_that_was_stored_but_not_acknowledged_is_stored_once(
    settings: Settings, database: Database, spool: Spool
) -> None:
    append(spool, 2)
    kept = [waiting.batch for waiting in spool.read() if waiting.batch is not None]
    writer = Writer(settings, lambda _: database)
    writer.step()
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM batches").fetchone() == (2,)
    for batch in kept:  # as after a crash between commit and acknowledgement
        spool.append(batch)
    assert writer.step() == 2
    writer.close()
    assert stored(database) == 20
    assert spool.is_empty()


def test_the_writer_outlives_an_outage_of_the_database(settings: Settings, database: Database, spool: Spool) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=Writer(settings).run, args=(stop,))
    thread.start()
    try:
        append(spool, 1)
        until(lambda: stored(database) == 10)
        name = sql.Identifier(database.name)
        server = database.dsn.rsplit("/", 1)[0] + "/postgres"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name]
            )
            append(spool, 5)
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
        until(lambda: stored(database) == 60)
        until(spool.is_empty)
    finally:
        stop.set()
        thread.join()


def test_a_writer_killed_again_and_again_loses_and_doubles_nothing(
    settings: Settings, database: Database, spool: Spool
) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": database.dsn,
        "DATA_DIR": str(settings.data_dir),
        "DEMO": "off",
        "RELAY_URL": "",
    }
    batches = 400
    append(spool, batches // 2, rows=20)
    seen = 0
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", "writer"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
        )
        until(lambda seen=seen: stored(database) > seen)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen = stored(database)
        append(spool, batches // 6, rows=20)
    total = 20 * (batches // 2 + 2 * (batches // 6))
    writer = Writer(settings, lambda _: database)
    while writer.step():
        pass
    writer.close()
    assert spool.is_empty()
    assert stored(database) == total


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of four small batches, so that a few batches are several groups."""
    monkeypatch.setattr("ingest.writer.GROUP_BATCHES", 4)


def acknowledged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sequences that are acknowledged from now on."""
    seen: list[int] = []
    acknowledge = Spool.acknowledge

    def noted(spool: Spool, up_to: int) -> None:
        seen.append(up_to)
        acknowledge(spool, up_to)

    monkeypatch.setattr(Spool, "acknowledge", noted)
    return seen


@pytest.mark.usefixtures("groups")
def test_groups_are_stored_and_acknowledged_in_order(
    settings: Settings, database: Database, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(spool, 14)
    seen = acknowledged(monkeypatch)
    writer = Writer(settings, lambda _: database)
    assert writer.step() == 14
    assert writer.step() == 0
    writer.close()
    assert seen == [4, 8, 12, 14]
    assert stored(database) == 140
    assert spool.is_empty()


@pytest.mark.usefixtures("groups")
def test_a_refused_batch_among_groups_goes_into_quarantine_alone(
    settings: Settings, database: Database, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(spool, 5)
    spool.append(Batch("tap", 0, "relay", [Event(NOW, "eve", "EVENT", "ok", kind=666)], [], [], []))
    append(spool, 6)
    with database.borrow() as connection:
        connection.execute("ALTER TABLE traffic_events_raw ADD CONSTRAINT no_evil CHECK (kind <> 666)")
    seen = acknowledged(monkeypatch)
    writer = Writer(settings, lambda _: database)
    assert writer.step() == 12
    writer.close()
    assert seen == [4, 8, 12]
    assert stored(database) == 110
    [kept] = settings.data_dir.glob("*/quarantine/*")
    assert kept.name == "tap-6.batch"
    assert [one.client for one in decode_batch(kept.read_bytes()).events] == ["eve"]
    assert verify(database) == []


def test_an_error_of_the_writer_itself_costs_no_other_batch_and_is_told_once_with_its_place(
    settings: Settings, database: Database, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(spool, 3)
    for number in (7, 8):
        spool.append(Batch(f"tap {number}", 0, "unheard of", [Event(NOW, "eve", "EVENT", "ok")], [], [], []))
    prepare = BatchWriter.prepare

    def unprepared_for_some(batches: BatchWriter, given: list[Batch]) -> Any:
        {"relay": 1}[next((batch.relay for batch in given if batch.relay != "relay"), "relay")]
        return prepare(batches, given)

    monkeypatch.setattr(BatchWriter, "prepare", unprepared_for_some)
    with capture_logs() as lines:
        writer = Writer(settings, lambda _: database)
        assert writer.step() == 5
        writer.close()
    assert spool.is_empty()
    assert stored(database) == 30
    [trace] = [line["exc_info"] for line in lines if line.get("exc_info")]
    assert isinstance(trace, KeyError)
    assert len(list(settings.data_dir.glob("*/quarantine/*"))) == 2
    with database.connect() as connection:
        ((reason, batches),) = connection.execute("SELECT reason, count(*) FROM quarantine GROUP BY reason").fetchall()
    assert batches == 2
    assert reason.startswith("an error in the writer: KeyError at test_writer.py:")


@pytest.mark.usefixtures("groups")
def test_an_outage_between_groups_keeps_the_rest_in_the_spool(
    settings: Settings, database: Database, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(spool, 10)
    writer = Writer(settings, lambda _: database)
    store = BatchWriter.store
    left = [True, False]

    def failing(batches: BatchWriter, *arguments: Any) -> WriteResult:
        if left and not left.pop(0):
            raise DatabaseUnavailableError
        return store(batches, *arguments)

    monkeypatch.setattr(BatchWriter, "store", failing)
    with pytest.raises(DatabaseUnavailableError):
        writer.step()
    assert [waiting.position for waiting in spool.read()] == [5, 6, 7, 8, 9, 10]
    assert stored(database) == 40
    assert writer.step() == 6
    writer.close()
    assert stored(database) == 100
    assert verify(database) == []


@pytest.mark.usefixtures("groups")
def test_groups_with_batches_that_were_stored_before(settings: Settings, database: Database, spool: Spool) -> None:
    append(spool, 10)
    with BatchWriter(database) as other:  # as after a crash between commit and acknowledgement
        other.write([one.batch for one in spool.read() if one.batch is not None and one.position in {1, 6, 7}])
    writer = Writer(settings, lambda _: database)
    assert writer.step() == 10
    writer.close()
    assert stored(database) == 100
    assert verify(database) == []
