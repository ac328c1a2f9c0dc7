"""A TCP wire between the writer and PostgreSQL that fails at chosen points of a transaction that stores rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto
from urllib.parse import urlsplit, urlunsplit

ROWS = b'COPY "traffic_events_raw"'
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
LONGEST_MARK = 64


class Point(Enum):
    """Where in a transaction that stores events."""

    IN_COPY = auto()
    """Rows are on their way."""
    BEFORE_COMMIT = auto()
    """Everything was sent but the COMMIT."""
    AFTER_COMMIT = auto()
    """The server has committed, and nobody heard."""


class Wire:
    """Passes bytes on. `arm` makes it fail once; `up = False` makes the database unreachable."""

    def __init__(self, dsn: str) -> None:
        self._target = urlsplit(dsn)
        self._armed: Point | None = None
        self._reached: asyncio.Event | None = None
        self._then: Callable[[], Awaitable[None]] | None = None
        self._lines: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._up = True

    @property
    def dsn(self) -> str:
        user = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{user}@127.0.0.1:{self.port}"))

    async def fail_at(self, point: Point, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Waits until the next transaction that stores events reaches the point, and cuts there.

        `then` runs while the writer still waits.
        """
        self._reached, self._then, self._armed = asyncio.Event(), then, point
        async with asyncio.timeout(60):
            await self._reached.wait()

    def down(self) -> None:
        """Nothing gets through, and what is open is reset."""
        self._up = False
        for line in list(self._lines):
            line.transport.abort()

    def up(self) -> None:
        self._up = True

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._up:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        self._lines |= {writer, far_writer}
        answers = asyncio.ensure_future(self._back(far_reader, writer))
        try:
            await self._forth(reader, far_reader, far_writer, answers)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # one end is gone, or the test is over
        finally:
            answers.cancel()
            for line in (writer, far_writer):
                self._lines.discard(line)
                line.transport.abort()

    async def _forth(
        self, reader: asyncio.StreamReader, far_reader: asyncio.StreamReader, far_writer: asyncio.StreamWriter,
        answers: asyncio.Future[None],
    ) -> None:  # fmt: skip
        storing, seen = False, b""
        while data := await reader.read(65536):
            seen = seen[-LONGEST_MARK:] + data
            storing = storing or ROWS in seen
            if storing and self._armed is Point.IN_COPY:
                far_writer.write(data[: len(data) // 2])
                await self._fail()
                return
            if storing and COMMIT in seen:
                storing = False
                if self._armed is Point.BEFORE_COMMIT:
                    await self._fail()
                    return
                if self._armed is Point.AFTER_COMMIT:
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                    far_writer.write(data)
                    await far_reader.read(1)  # the answer: it has committed
                    await self._fail()
                    return
                seen = b""
            far_writer.write(data)
            await far_writer.drain()

    async def _back(self, far_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await far_reader.read(65536):
                writer.write(data)
                await writer.drain()
        except asyncio.CancelledError:
            return
        except OSError:
            pass  # a server that ends with something unread resets: the other end must not wait for an answer
        writer.transport.abort()

    async def _fail(self) -> None:
        self._armed = None
        if self._then is not None:
            await self._then()
        assert self._reached is not None
        self._reached.set()


@asynccontextmanager
async def wire(dsn: str) -> AsyncIterator[Wire]:
    """A wire to the server of a DSN; connect to its own `dsn`."""
    made = Wire(dsn)
    server = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.down()
        await server.wait_closed()
