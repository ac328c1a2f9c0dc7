"""Restarts annotate themselves: found in what the tap's batches brought, whenever they came, and once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg

from core import annotations as noted
from core.annotations import Annotation
from core.records import Counts
from core.settings import Settings
from core.storage.database import Database
from core.storage.writer import BatchWriter
from ingest.jobs import restarts
from ingest.jobs.task import Work
from tests.endtoend.stack import eventually
from tests.ingest.processes import running_ingest
from tests.ingest.scripted import ScriptedRelay
from tests.ingest.test_transparency import OPEN
from tests.support.records import NOON, batch, micros, sample

MINUTE = timedelta(minutes=1)
LATER = NOON + timedelta(hours=2)
RELAY = "relay.example:7778"


def find(database: Database, now: datetime = LATER) -> list[Annotation]:
    restarts.annotate(Work(database, Settings(_env_file=None), now))
    return noted.listing(database, NOON - timedelta(days=1), now)


def run_of(writer: BatchWriter, source: str, began: datetime, *, worker: int = 0, ended: bool = False) -> None:
    """A run of a tap worker that was heard of for ten minutes."""
    counts = Counts(worker, micros(began), {}, ended=ended)
    last = batch(sequence=1, source=source, relay=RELAY)
    writer.write([msgspec.structs.replace(last, made_at=micros(began + 10 * MINUTE), counts=counts)])


def sampled(writer: BatchWriter, sequence: int, *seconds: tuple[int, int, int]) -> None:
    """Samples of seconds after NOON: connections opened, and times that the relay could not be reached."""
    samples = [
        sample(NOON + timedelta(seconds=second), opened=opened, unreachable=failed)
        for second, opened, failed in seconds
    ]
    writer.write([batch(sequence=sequence, relay=RELAY, samples=samples)])


def test_a_tap_that_was_restarted_and_one_that_was_killed(any_database: Database) -> None:
    with BatchWriter(any_database) as writer:
        run_of(writer, "tap:a:0:first", NOON, ended=True)
        assert find(any_database) == []  # it began: no restart
        run_of(writer, "tap:a:0:second", NOON + 11 * MINUTE)
        run_of(writer, "tap:a:0:third", NOON + 30 * MINUTE)
    for _ in range(2):
        first, second = find(any_database)
        assert first.text == f"The tap of {RELAY} was restarted"
        assert (first.at, first.until) == (NOON + 10 * MINUTE, NOON + 11 * MINUTE)
        assert second.text == f"The tap of {RELAY} ended unexpectedly and was started again"


def test_workers_that_were_restarted_together_are_one_restart(database: Database) -> None:
    with BatchWriter(database) as writer:
        for number, began in enumerate((NOON, NOON + 20 * MINUTE)):
            for worker in range(3):
                run_of(writer, f"tap:a:{worker}:{number}", began + timedelta(seconds=worker), worker=worker)
        run_of(writer, "tap:a:2:alone", NOON + 50 * MINUTE, worker=2)
    assert [one.text for one in find(database)] == [
        f"The tap of {RELAY} ended unexpectedly and was started again",
        f"Tap worker 2 of {RELAY} ended unexpectedly and was started again",
    ]


def test_a_relay_that_was_away_and_came_back(any_database: Database) -> None:
    with BatchWriter(any_database) as writer:
        sampled(writer, 1, (0, 3, 0), (10, 0, 2), (11, 0, 0), (14, 0, 5))
        assert find(any_database) == []  # not back yet
        sampled(writer, 2, (22, 1, 0), (23, 4, 0))
        (one,) = find(any_database)
        assert one.text == f"{RELAY} could not be reached for 12 s"
        assert (one.at, one.until) == (NOON + timedelta(seconds=10), NOON + timedelta(seconds=22))
        sampled(writer, 3, (5, 0, 1))  # of another worker, late: it was away for longer
        (one,) = find(any_database)
        assert one.text == f"{RELAY} could not be reached for 17 s"
        sampled(writer, 4, (600, 0, 1), (601, 1, 0))
        assert len(find(any_database)) == 2


async def test_a_relay_that_goes_and_comes_back_behind_a_running_tap(
    database: Database, tmp_path: Path, scripted: ScriptedRelay
) -> None:
    """Tap, spool, writer and job together."""
    async with running_ingest(tmp_path, scripted.url, DATABASE_URL=database.dsn) as ingest:
        await scripted.play(OPEN, ingest.port)
        await scripted.stop_listening()
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 502 ")
        writer.close()

        async def counted() -> bool:
            with psycopg.connect(database.dsn) as connection:
                row = connection.execute("SELECT coalesce(sum(unreachable), 0) FROM connection_metrics_raw").fetchone()
                return row is not None and row[0] == 1

        await eventually(counted, "the failure to be stored")
        await scripted.listen()
        await scripted.play(OPEN, ingest.port)

        async def found() -> bool:
            now = datetime.now(UTC) + restarts.SETTLED
            return [one.kind for one in find(database, now)] == ["restart"]

        await eventually(found, "the restart to be annotated")
