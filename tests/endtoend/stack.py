"""The product as it is deployed: tap and writer as processes, rows read from the database."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from core.settings import ROOT
from core.storage import partitions
from core.storage.connections import Database
from tests.support.ports import free_port

DEADLINE = 60.0  # seconds that anything may take before the test fails

Row = dict[str, Any]


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Waits until the condition holds. Fails with `what` after the deadline."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not await condition():  # noqa: ASYNC110 (another process decides)
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"still waiting for {what}") from None


class Stack:
    """A running tap with its writer, and what they put into the database."""

    def __init__(self, port: int, database: Database, log: BinaryIO) -> None:
        self.port = port
        self._log = log
        self.url = f"ws://127.0.0.1:{port}"
        self._database = database

    async def rows(self, connections: int = 1) -> list[Row]:
        """The rows of `traffic_events` in the order the messages came, once that many connections have ended.

        A connection's record is the last thing that is written of it, so no row can be missing or come later.
        """
        await eventually(lambda: self._ended(connections), f"{connections} ended connections")
        return await self.query("SELECT * FROM traffic_events ORDER BY timestamp, id")

    async def deliveries(self) -> list[Row]:
        return await self.query("SELECT * FROM deliveries_raw ORDER BY timestamp")

    async def connections(self) -> list[Row]:
        return await self.query(
            "SELECT r.*, client_id, identity FROM connections_raw r JOIN clients USING (client_no) ORDER BY opened_at"
        )

    async def row_of(self, event_id: str) -> Row:
        """The row of an EVENT, as soon as it is there; connections may be open."""
        sql = "SELECT * FROM traffic_events WHERE event_id = %(id)s"

        async def is_there() -> bool:
            return bool(await self.query(sql, {"id": event_id}))

        await eventually(is_there, f"the row of event {event_id}")
        return (await self.query(sql, {"id": event_id}))[0]

    async def row_count(self, rows: int) -> None:
        """Waits until that many rows are there; connections may be open."""

        async def are_there() -> bool:
            return len(await self.query("SELECT 1 FROM traffic_events_raw")) >= rows

        await eventually(are_there, f"{rows} rows")

    def logs(self) -> bytes:
        """What all processes have logged so far."""
        file = self._log.fileno()  # which the processes write to: its position must stay
        return os.pread(file, os.fstat(file).st_size, 0)

    async def query(self, sql: str, params: dict[str, Any] | None = None) -> list[Row]:
        def read() -> list[Row]:
            with self._database.connect(autocommit=True) as connection:
                cursor = connection.execute(sql, params)
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor]

        return await asyncio.to_thread(read)

    async def _ended(self, connections: int) -> bool:
        found = await self.query("SELECT count(*) AS ended FROM connections_raw")
        return bool(found[0]["ended"] >= connections)


@asynccontextmanager
async def running_stack(relay_url: str, database: Database, directory: Path, **settings: str) -> AsyncIterator[Stack]:
    """`python -m ingest` in front of the relay; `settings` are further environment variables."""
    partitions.ensure(database, datetime.now(UTC))  # rows that would be moved to a new one are out of sight meanwhile
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"DEMO", "DATABASE_URL"}},
        "RELAY_URL": relay_url,
        "RELAY_NAME": "relay under test",
        "DATABASE_URL": database.dsn,
        "DATA_DIR": str(directory),
        "TAP_PORT": str(port),
        "TAP_DRAIN_SECONDS": "0",
        "METRICS_PORT": "0",
        **settings,
    }
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ingest", cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            await eventually(lambda: _listens(process, port), "the tap to listen")
            yield Stack(port, database, log)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    assert process.returncode == 0, f"the ingest worker ended with {process.returncode}"


async def _listens(process: asyncio.subprocess.Process, port: int) -> bool:
    assert process.returncode is None, f"the ingest worker ended with {process.returncode}"
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
