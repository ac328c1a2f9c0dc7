"""kill -9 of the tap, the writer and the database, at any moment, while traffic flows."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer
from tests.endtoend.stack import eventually
from tests.faults.checks import everything_is_stored, stored_ids
from tests.faults.load import load
from tests.faults.parts import Ingest, Part

LONGEST = 0.3
"""Seconds between the moment a process works and its end, at most."""
CONNECTED = b"The writer is connected"


def postmaster(server: EmbeddedServer) -> int | None:
    """The process number of the server, if it runs."""
    try:
        pid = int((server.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if psutil.pid_exists(pid) else None


async def connected_again(writer: Part, times: int) -> None:
    async def said() -> bool:
        assert not writer.ended, writer.log.read_text()[-3000:]
        return writer.log.read_bytes().count(CONNECTED) > times

    await eventually(said, "the writer to be connected")


class Killer:
    """Kills parts of an ingest again and again, each at a random moment after it has begun to work."""

    def __init__(self, ingest: Ingest, server: EmbeddedServer, chance: random.Random) -> None:
        self._ingest = ingest
        self._server = server
        self._chance = chance
        self.databases = 0

    async def kill(self, taps: int, writers: int, databases: int) -> None:
        await asyncio.gather(
            self._repeat(taps, self._kill_tap), self._repeat(writers, self._kill_writer),
            self._repeat(databases, self._kill_database),
        )  # fmt: skip

    async def _repeat(self, times: int, once: Callable[[], Awaitable[None]]) -> None:
        for _ in range(times):
            await once()

    async def _kill_tap(self) -> None:
        await self._ingest.listens()
        await self._moment()
        await self._ingest.tap.kill()
        await self._ingest.tap.start()

    async def _kill_writer(self) -> None:
        await self._moment()
        await self._ingest.writer.kill()
        before = self._ingest.writer.log.read_bytes().count(CONNECTED)
        await self._ingest.writer.start()
        await connected_again(self._ingest.writer, before)

    async def _kill_database(self) -> None:
        """The writer starts the server again, as it does in operation."""

        async def runs() -> bool:
            return await asyncio.to_thread(self._server.is_running)

        await eventually(runs, "the database to run")
        await self._moment()
        pid = postmaster(self._server)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self.databases += 1

    async def _moment(self) -> None:
        await asyncio.sleep(self._chance.uniform(0, LONGEST))


@pytest.mark.parametrize(
    ("taps", "writers", "databases"),
    [
        pytest.param(18, 18, 14, marks=pytest.mark.timeout(300)),
        pytest.param(70, 70, 60, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
async def test_kill_9_at_random_moments_loses_only_what_a_tap_had_in_memory_and_doubles_nothing(
    tmp_path: Path,
    relay: str,
    own_server: EmbeddedServer,
    chance: random.Random,
    taps: int,
    writers: int,
    databases: int,
) -> None:
    async with Ingest(tmp_path, relay) as ingest:
        await ingest.start()
        await connected_again(ingest.writer, 0)
        killer = Killer(ingest, own_server, chance)
        async with load(ingest.url) as clients:
            await killer.kill(taps, writers, databases)
            await ingest.listens()
            await clients.goes_on()
        await asyncio.to_thread(own_server.ensure)
        with Database(own_server.dsn("relay_analytics")) as database:
            await everything_is_stored(ingest, database, clients, killed_taps=True)
            stored = len(stored_ids(database))
        assert (ingest.tap.kills, ingest.writer.kills) == (taps, writers)
        assert killer.databases > databases / 2
        # most of the traffic is there: a tap loses what it had in memory, not what it did in its life
        assert stored > clients.answered * 0.5
        print(f"{clients.answered} acknowledged, {stored} stored, {killer.databases} kills of the database")
