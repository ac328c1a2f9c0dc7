"""Disks that are full, files that are damaged or went back: what is lost is counted, all else is stored once."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from core.spools import SUFFIX
from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer
from tests.endtoend.stack import eventually
from tests.faults.checks import BALANCE, drained, everything_is_stored, fates, stored_ids
from tests.faults.load import load
from tests.faults.parts import Ingest
from tests.faults.test_outages import migrated, more_is_stored, says, spool_grows
from tests.faults.wire import wire
from tests.support.ports import free_port

SPOOL = f"tap-0{SUFFIX}"


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[None]:
    """A file system of its own. Skips where that is not allowed."""
    directory.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path, *, leaving: int) -> Path:
    """A file that takes all room but for so many bytes."""
    ballast = directory / "ballast"
    with ballast.open("ab", buffering=0) as file:
        while (room := shutil.disk_usage(directory).free - leaving) > 0:
            try:
                file.write(bytes(min(room, 1 << 20)))
            except OSError:  # another writes too: it is full
                break
    return ballast


DISK = "64m"
ROOM = 2 * 1024**2
"""Bytes that a spool may take of that disk, beside the tenth it leaves free."""
RESERVED = 64 * 1024**2 // 10


async def test_a_full_disk_under_the_spool_is_waited_out(tmp_path: Path, relay: str, database: Database) -> None:
    with small_disk(tmp_path / "spool", DISK):
        async with Ingest(tmp_path, relay, database.dsn) as ingest:
            await ingest.start()
            async with load(ingest.url) as clients:
                await more_is_stored(database)
                ballast = fill(ingest.spools, leaving=0)
                await says(ingest.tap, "does not take batches")
                await clients.goes_on(200)
                ballast.unlink()
                await says(ingest.tap, "takes batches again")
                await more_is_stored(database)
            assert clients.failures == []
            await everything_is_stored(ingest, database, clients)
    assert not any(fate.startswith("dropped") for fate in fates(database))


async def test_a_spool_that_fills_its_disk_empties_by_itself(tmp_path: Path, relay: str, database: Database) -> None:
    with small_disk(tmp_path / "spool", DISK):
        fill(tmp_path / "spool", leaving=RESERVED + ROOM)
        async with wire(database.dsn) as line, Ingest(tmp_path, relay, line.dsn) as ingest:
            line.down()
            await ingest.start()
            async with load(ingest.url, 6, pause=0) as clients:
                await says(ingest.tap, "does not take batches")
                await clients.goes_on(200)
                line.up()
                await says(ingest.tap, "takes batches again")
                await more_is_stored(database)
            assert clients.failures == []
            await everything_is_stored(ingest, database, clients)
    assert not any(fate.startswith("dropped") for fate in fates(database))


@asynccontextmanager
async def kept_full(directory: Path) -> AsyncIterator[None]:
    """No room at all, also when a server, which writes on into files that it has, removes some of them.

    What it may still write is finite then."""

    async def filling() -> None:
        while True:
            await asyncio.to_thread(fill, directory, leaving=0)
            await asyncio.sleep(0.02)

    task = asyncio.ensure_future(filling())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        (directory / "ballast").unlink()


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small file system where the user of the server gets to, whom root's temporary directories keep out."""
    with tempfile.TemporaryDirectory(prefix="relay-analytics-") as place:
        Path(place).chmod(0o755)
        with small_disk(Path(place) / "disk", "200m"):
            yield Path(place) / "disk"


@pytest.mark.soak  # half a minute or more, until the server has used up the files that it has
@pytest.mark.timeout(300)
async def test_a_full_disk_under_the_database_is_waited_out(tmp_path: Path, relay: str, disk: Path) -> None:
    server = EmbeddedServer(disk / "postgres", port=free_port())
    await asyncio.to_thread(server.ensure)
    assert server.data.is_relative_to(disk)

    async def runs() -> bool:
        await asyncio.to_thread(server.ensure)
        return True

    try:
        async with Ingest(tmp_path / "data", relay, server.dsn("postgres")) as ingest:
            await ingest.start()
            async with load(ingest.url, 6, pause=0) as clients:
                with Database(server.dsn("postgres")) as database:
                    await migrated(database)
                    await more_is_stored(database)
                async with kept_full(disk):
                    await says(ingest.writer, "The database takes nothing")
                    await spool_grows(ingest)
                    await clients.goes_on()
                await eventually(runs, "the database to run again")
                with Database(server.dsn("postgres")) as database:
                    await more_is_stored(database)
            assert clients.failures == []
            with Database(server.dsn("postgres")) as database:
                await everything_is_stored(ingest, database, clients)
    finally:
        server.stop()


def checkpoint(spool: Path) -> None:
    """Moves everything from the write-ahead log into the file."""
    with closing(sqlite3.connect(spool)) as db:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not busy


def overwrite(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


async def filled_spool(ingest: Ingest, batches: int = 40) -> list[list[str]]:
    """What clients were told while only the tap ran; it has been stopped, and its spool is one whole file."""
    await ingest.tap.start()
    await ingest.listens()
    async with load(ingest.url) as clients:
        await spool_grows(ingest, batches)
    await ingest.tap.stop()
    await asyncio.to_thread(checkpoint, ingest.spools / SPOOL)
    return clients.acknowledged


async def test_a_damaged_batch_is_quarantined_and_counted_and_costs_no_other(
    tmp_path: Path, relay: str, database: Database
) -> None:
    async with Ingest(tmp_path, relay, database.dsn) as ingest:
        acknowledged = await filled_spool(ingest)
        victim = bytes.fromhex(acknowledged[0][len(acknowledged[0]) // 2])
        spool = ingest.spools / SPOOL
        place = spool.read_bytes().find(victim)
        assert place > 0
        overwrite(spool, place, bytes(len(victim)))
        await ingest.writer.start()
        await drained(ingest)
        await ingest.writer.stop()
        stored = stored_ids(database)
        counted = fates(database)
        lost = sum(map(len, acknowledged)) - len(stored)
        assert 0 < lost <= counted["quarantined"]
        assert counted["received"] == counted["stored"] + counted["quarantined"]
        assert victim.hex() not in stored
        assert len(stored) == len(set(stored))


async def test_what_can_still_be_read_of_a_damaged_spool_is_stored_and_the_tap_begins_a_new_one(
    tmp_path: Path, relay: str, database: Database, chance: random.Random
) -> None:
    async with wire(database.dsn) as line, Ingest(tmp_path, relay, line.dsn) as ingest:
        line.down()
        await ingest.start()
        async with load(ingest.url) as clients:
            await spool_grows(ingest, 60)
            spool = ingest.spools / SPOOL
            await asyncio.to_thread(checkpoint, spool)
            pages = spool.stat().st_size // 4096
            for _ in range(3):  # not the first pages, without which nothing can be found
                overwrite(spool, chance.randrange(pages // 2, pages) * 4096, chance.randbytes(4096))
            before = clients.answered
            line.up()
            await more_is_stored(database)
            await clients.goes_on()
        assert clients.failures == []
        await ingest.tap.stop()
        await drained(ingest)
        await ingest.writer.stop()
    stored = stored_ids(database)
    assert len(stored) == len(set(stored))
    with database.connect() as connection:
        ((_, received, counted),) = connection.execute(BALANCE).fetchall()
    lost = clients.answered - len(set(stored))
    assert lost <= before / 2
    assert received - counted <= before, "more is missing than the spool held"
    assert received - counted + fates(database).get("quarantined", 0) >= lost


async def test_a_power_cut_that_cuts_the_log_short_loses_a_tail_and_nothing_else(
    tmp_path: Path, relay: str, database: Database, chance: random.Random
) -> None:
    async with Ingest(tmp_path, relay, database.dsn) as ingest:
        await ingest.tap.start()
        await ingest.listens()
        async with load(ingest.url) as clients:
            await spool_grows(ingest, 20)
            await ingest.tap.kill()
            log = ingest.spools / f"{SPOOL}-wal"
            with log.open("r+b") as file:
                file.truncate(chance.randrange(log.stat().st_size))
            await ingest.start()
            await clients.goes_on()
        await everything_is_stored(ingest, database, clients, killed_taps=True)


async def test_a_spool_that_went_back_to_an_older_state_takes_no_new_batch_for_an_old_one(
    tmp_path: Path, relay: str, database: Database
) -> None:
    async with Ingest(tmp_path, relay, database.dsn) as ingest:
        first = await filled_spool(ingest, 10)
        older = (ingest.spools / SPOOL).read_bytes()
        second = await filled_spool(ingest, 20)
        await ingest.writer.start()
        await drained(ingest)
        await ingest.writer.stop()
        (ingest.spools / SPOOL).write_bytes(older)  # as a restored snapshot of the machine
        async with load(ingest.url) as clients:
            await ingest.start()
            await clients.goes_on(100)
        clients.acknowledged += first + second
        await everything_is_stored(ingest, database, clients)
