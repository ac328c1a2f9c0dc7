"""The database goes away, refuses, or is slow: traffic flows on, and everything is stored once when it is back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql

from core.spools import SUFFIX
from core.storage.connections import Database
from core.storage.database import with_database
from core.storage.embedded import EmbeddedServer
from ingest.spool import Spool
from tests.endtoend.stack import eventually
from tests.faults.checks import everything_is_stored, fates, stored_ids
from tests.faults.load import Load, load
from tests.faults.parts import Ingest, Part
from tests.faults.wire import Point, wire
from tests.support.ports import free_port


@contextmanager
def administering(database: Database) -> Iterator[Callable[[str], None]]:
    """Runs statements from another database of the server; `{}` is the name of this one."""
    with psycopg.connect(with_database(database.dsn, "postgres"), autocommit=True) as connection:

        def run(statement: str) -> None:
            connection.execute(sql.SQL(cast("Any", statement)).format(sql.Identifier(database.name)))

        yield run


def end_connections(database: Database) -> None:
    with psycopg.connect(with_database(database.dsn, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])


async def migrated(database: Database) -> None:
    """Waits for the writer to have made the tables."""

    async def has_tables() -> bool:
        with database.connect() as connection:
            row = connection.execute("SELECT to_regclass('ingest_counts') IS NOT NULL").fetchone()
        return bool(row and row[0])

    await eventually(has_tables, "the tables")


async def more_is_stored(database: Database, events: int = 1) -> None:
    enough = len(await asyncio.to_thread(stored_ids, database)) + events

    async def reached() -> bool:
        return len(await asyncio.to_thread(stored_ids, database)) >= enough

    await eventually(reached, f"{events} more stored events")


async def spool_grows(ingest: Ingest, batches: int = 10) -> None:
    """Waits until so many batches wait, which shows that nothing stores them."""

    def waiting() -> int:
        with Spool(ingest.spools / f"tap-0{SUFFIX}", 1 << 40) as spool:
            return len(spool.read(limit=batches))

    async def grown() -> bool:
        return await asyncio.to_thread(waiting) >= batches

    await eventually(grown, f"{batches} batches in the spool")


async def test_a_database_stopped_in_the_middle_of_a_copy_and_started_again(tmp_path: Path, relay: str) -> None:
    server = EmbeddedServer(tmp_path / "server", port=free_port())
    await asyncio.to_thread(server.ensure)
    try:
        async with wire(server.dsn("postgres")) as line, Ingest(tmp_path / "data", relay, line.dsn) as ingest:
            await ingest.start()
            async with load(ingest.url) as clients:
                for _ in range(2):
                    await line.fail_at(Point.IN_COPY, lambda: asyncio.to_thread(server.stop))
                    await clients.goes_on()
                    await spool_grows(ingest)
                    await asyncio.to_thread(server.ensure)
            assert clients.failures == []
            with Database(server.dsn("postgres")) as database:
                await everything_is_stored(ingest, database, clients)
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_database_that_became_read_only(tmp_path: Path, relay: str, database: Database) -> None:
    async with Ingest(tmp_path, relay, database.dsn) as ingest:
        await ingest.start()
        with administering(database) as run:
            async with load(ingest.url) as clients:
                await more_is_stored(database)
                run("ALTER DATABASE {} SET default_transaction_read_only = on")
                end_connections(database)
                await spool_grows(ingest)
                await clients.goes_on()
                run("ALTER DATABASE {} RESET default_transaction_read_only")
                await more_is_stored(database)
            assert clients.failures == []
            await everything_is_stored(ingest, database, clients)


async def test_time_limits_of_the_server_do_not_keep_a_batch_out(
    tmp_path: Path, relay: str, database: Database
) -> None:
    async with Ingest(tmp_path, relay, database.dsn) as ingest:
        with administering(database) as run:
            for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                run(f"ALTER DATABASE {{}} SET {limit} = '1ms'")
            await ingest.start()
            async with load(ingest.url) as clients:
                await clients.goes_on()
            for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                run(f"ALTER DATABASE {{}} RESET {limit}")
            await everything_is_stored(ingest, database, clients)


async def test_statements_that_are_cancelled_again_and_again(
    tmp_path: Path, relay: str, database: Database, chance: random.Random
) -> None:
    async with Ingest(tmp_path, relay, database.dsn) as ingest:
        await ingest.start()
        cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND state <> 'idle'"
        cancelled = 0
        with psycopg.connect(with_database(database.dsn, "postgres"), autocommit=True) as connection:
            async with load(ingest.url) as clients:
                while cancelled < 20:
                    row = connection.execute(cancel, [database.name]).fetchone()
                    cancelled += row[0] if row else 0
                    await asyncio.sleep(chance.uniform(0, 0.02))  # another moment each time
                await more_is_stored(database)
        assert clients.failures == []
        await everything_is_stored(ingest, database, clients)


async def test_two_writers_at_once_one_of_them_killed(
    tmp_path: Path, relay: str, database: Database, chance: random.Random
) -> None:
    async with Ingest(tmp_path, relay, database.dsn) as ingest:
        await ingest.start()
        await ingest.second_writer.start()
        async with load(ingest.url) as clients:
            for _ in range(3):
                await more_is_stored(database, 100)
                await asyncio.sleep(chance.uniform(0, 0.1))  # another moment each time
                await ingest.second_writer.kill()
                await ingest.second_writer.start()
            await more_is_stored(database, 100)
        await everything_is_stored(ingest, database, clients)


async def says(part: Part, what: str) -> None:
    """Waits until it is in the log of a process."""

    async def said() -> bool:
        return what in part.log.read_text()

    await eventually(said, f"the {part.name} to say {what!r}")


async def test_an_outage_beyond_the_spools_size_drops_counts_and_says_so(
    tmp_path: Path, relay: str, database: Database
) -> None:
    bound = str(1024**2)
    async with wire(database.dsn) as line, Ingest(tmp_path, relay, line.dsn, SPOOL_MAX_BYTES=bound) as ingest:
        line.down()
        await ingest.start()
        async with load(ingest.url, 6, pause=0) as clients:
            await says(ingest.tap, "does not take batches")
            await clients.goes_on(300)
            line.up()
            await says(ingest.tap, "takes batches again")
            await more_is_stored(database, 300)
        assert clients.failures == []
        await everything_is_stored(ingest, database, clients, lossy=True)
    counted = fates(database)
    assert counted["dropped:spool"] > 0
    assert lost(database, clients) <= counted["dropped:spool"]


def lost(database: Database, clients: Load) -> int:
    stored = set(stored_ids(database))
    return sum(id_ not in stored for connection in clients.acknowledged for id_ in connection)
