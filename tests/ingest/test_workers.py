"""Several tap workers on one port: they share the work, and one that crashes or freezes does not stop the others."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from core.records import Batch
from ingest.spool import Spool
from tests.endtoend.stack import eventually
from tests.ingest.processes import Ingest, running_ingest
from tests.ingest.relays import answering_relay, clients, is_answered

CONNECTIONS = 30


def spooled_by(directory: Path, worker: int) -> list[Batch]:
    with Spool(directory / "spool" / f"tap-{worker}.spool", 1 << 30) as spool:
        return [waiting.batch for waiting in spool.read(limit=10_000) if waiting.batch is not None]


async def test_workers_share_the_connections_and_everything_they_measure_counts(tmp_path: Path) -> None:
    async with answering_relay() as relay, running_ingest(tmp_path, relay, "--workers", "3") as ingest:
        async with clients(ingest.port, CONNECTIONS) as connections:
            assert all([await is_answered(each) for each in connections])
            await ingest.reaches("tap_connections", CONNECTIONS)
            each_has = await ingest.readings("tap_connections")
            assert set(each_has) == {"tap-0", "tap-1", "tap-2"}
            assert min(each_has.values()) > 0
        await ingest.reaches("tap_connections", 0)
        assert await ingest.total("tap_messages_total", type="REQ", outcome="ok") == CONNECTIONS
        health = (await ingest.get("/healthz")).json()
        assert health["processes"] == dict.fromkeys(("tap-0", "tap-1", "tap-2", "writer", "jobs"), "up")
    batches = [batch for worker in range(3) for batch in spooled_by(tmp_path, worker)]
    rows = [row for batch in batches for row in batch.events]
    ends = [each for batch in batches for each in batch.connections]
    assert [row.outcome for row in rows] == ["ok"] * CONNECTIONS
    assert len({each.connection for each in ends}) == len(ends) == CONNECTIONS
    assert {sample.worker for batch in batches for sample in batch.samples} == {0, 1, 2}
    assert sum(sample.opened for batch in batches for sample in batch.samples) == CONNECTIONS


async def on_worker(ingest: Ingest, worker: int) -> float:
    return (await ingest.readings("tap_connections"))[f"tap-{worker}"]


@pytest.mark.timeout(180)
async def test_a_crashed_and_a_frozen_worker_are_started_again_while_the_others_serve(tmp_path: Path) -> None:
    async with (
        answering_relay() as relay,
        running_ingest(tmp_path, relay, "--workers", "3") as ingest,
        clients(ingest.port, CONNECTIONS) as connections,
    ):
        await ingest.reaches("tap_connections", CONNECTIONS)
        kept = int(await on_worker(ingest, 2))
        crashed, frozen = ingest.tap_process(0), ingest.tap_process(1)
        frozen.send_signal(signal.SIGSTOP)
        crashed.kill()
        # What the third worker carries is answered, with one worker gone and one frozen.
        asked = [asyncio.ensure_future(is_answered(each)) for each in connections]

        async def third_has_answered() -> bool:
            return sum(each.done() and each.result() for each in asked) >= kept

        await eventually(third_has_answered, "answers of the worker that runs")
        await ingest.reaches("process_restarts_total", 2)
        await eventually(ingest.is_healthy, "all workers to run again")
        assert ingest.tap_process(0).pid != crashed.pid
        assert ingest.tap_process(1).pid != frozen.pid
        # The connections of the others ended, those of the third never did.
        assert sum(await asyncio.gather(*asked)) == kept
        async with clients(ingest.port, CONNECTIONS) as again:
            assert all([await is_answered(each) for each in again])
            await ingest.reaches("tap_connections", kept + CONNECTIONS)
            assert min((await ingest.readings("tap_connections")).values()) > 0
