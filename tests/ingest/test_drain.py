"""SIGTERM: no new connections, the old ones go on until the deadline, and every row reaches the spool."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ingest.tap import running_tap
from tests.ingest.conftest import MakeSettings
from tests.ingest.processes import DEADLINE, running_ingest
from tests.ingest.relays import answering_relay, clients, is_answered
from tests.ingest.scripted import ScriptedRelay
from tests.ingest.test_transparency import OPEN, SWITCH
from tests.ingest.test_workers import spooled_by


async def test_a_draining_tap_leaves_its_port_to_another_and_ends_with_its_last_connection(
    make_settings: MakeSettings, scripted: ScriptedRelay
) -> None:
    async with answering_relay() as relay, running_tap(make_settings(relay)) as old, asyncio.timeout(DEADLINE):
        port = old.port
        async with clients(port, 2) as connections:
            draining = asyncio.ensure_future(old.drain(DEADLINE, asyncio.Event()))
            while old.listens:  # noqa: ASYNC110 - the tap runs in this very loop
                await asyncio.sleep(0.01)
            async with running_tap(make_settings(scripted.url), port, worker=1) as new:
                transcript = await scripted.play(OPEN, new.port)
                assert transcript.client == SWITCH + b"\r\n"
                assert [await is_answered(each) for each in connections] == [True, True]
            assert not draining.done()
        await draining
        assert old.connections == 0


@pytest.mark.timeout(180)
async def test_connections_go_on_until_the_deadline_and_every_row_is_kept(tmp_path: Path) -> None:
    seconds = 2.0
    async with (
        answering_relay() as relay,
        running_ingest(tmp_path, relay, "--workers", "2", TAP_DRAIN_SECONDS=str(seconds)) as ingest,
        clients(ingest.port, 10) as connections,
    ):
        await ingest.reaches("tap_connections", 10)
        before = time.monotonic()
        ingest.process.terminate()
        answers = 0
        while await is_answered(connections[0]):
            answers += 1
        assert time.monotonic() - before >= seconds  # it was answered for as long
        assert connections[0].close_code == 1006  # the end of the connection: the tap says nothing of its own
        assert await asyncio.wait_for(ingest.process.wait(), DEADLINE) == 0
    batches = [batch for worker in range(2) for batch in spooled_by(tmp_path, worker)]
    # the relay may answer once more while the connection is being closed: the row says what the relay did
    assert sum(row.outcome == "ok" for batch in batches for row in batch.events) - answers in (0, 1)
    assert sum(len(batch.connections) for batch in batches) == 10


async def test_meanwhile_it_is_not_healthy_takes_nobody_and_a_second_signal_ends_it(tmp_path: Path) -> None:
    async with (
        answering_relay() as relay,
        running_ingest(tmp_path, relay, TAP_DRAIN_SECONDS="600") as ingest,
        clients(ingest.port, 1) as (connection,),
    ):
        ingest.process.terminate()
        while (await ingest.get("/healthz")).json()["status"] != "stopping":  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.05)
        assert (await ingest.get("/healthz")).status_code == 503
        with pytest.raises(ConnectionRefusedError):  # noqa: PT012
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
                writer.close()
        assert await is_answered(connection)
        ingest.process.terminate()
        assert await asyncio.wait_for(ingest.process.wait(), DEADLINE) == 0
        assert not await is_answered(connection)
