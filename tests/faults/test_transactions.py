"""The connection to the database fails at every point of a transaction, with and without the writer."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from core.exceptions import DatabaseUnavailableError
from core.records import Batch
from core.storage.connections import Database
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.faults.checks import everything_is_stored, fates
from tests.faults.load import load
from tests.faults.parts import Ingest
from tests.faults.wire import Point, wire
from tests.support.records import batch, event

ROUNDS = 2


async def test_a_writer_killed_at_every_point_of_a_transaction_stores_once(
    tmp_path: Path, relay: str, database: Database
) -> None:
    async with wire(database.dsn) as line, Ingest(tmp_path, relay, line.dsn) as ingest:
        await ingest.start()
        async with load(ingest.url) as clients:
            for point in (*Point, Point.AFTER_COMMIT):
                await line.fail_at(point, ingest.writer.kill)
                await clients.goes_on()
                await ingest.writer.start()
        await everything_is_stored(ingest, database, clients)
    assert ingest.writer.kills == 4


async def test_a_connection_cut_at_every_point_of_a_transaction_stores_once(
    tmp_path: Path, relay: str, database: Database, chance: random.Random
) -> None:
    async with wire(database.dsn) as line, Ingest(tmp_path, relay, line.dsn) as ingest:
        await ingest.start()
        points = [*Point] * ROUNDS
        chance.shuffle(points)
        async with load(ingest.url) as clients:
            for point in points:
                await line.fail_at(point)
                await clients.goes_on(5)
        assert clients.failures == []
        await everything_is_stored(ingest, database, clients)


@pytest.mark.parametrize("point", Point)
async def test_a_write_that_failed_is_right_when_it_is_repeated(any_database: Database, point: Point) -> None:
    def batches(first: int) -> list[Batch]:
        return [batch([event(event_type="EVENT")] * 50, sequence=first + number) for number in range(3)]

    async with wire(any_database.dsn) as line:
        with Database(line.dsn) as through, BatchWriter(through) as writer:
            assert len((await asyncio.to_thread(writer.write, batches(1))).stored) == 3
            failing = asyncio.ensure_future(line.fail_at(point))
            with pytest.raises(DatabaseUnavailableError):
                await asyncio.to_thread(writer.write, batches(3))
            await failing
            again = await asyncio.to_thread(writer.write, batches(3))
    stored_before = 3 if point is Point.AFTER_COMMIT else 1
    assert len(again.skipped) == stored_before
    assert fates(any_database) == {"received": 250, "stored": 250}
    assert await asyncio.to_thread(verify, any_database) == []
