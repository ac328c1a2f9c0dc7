"""A client that remembers what it said and heard, and a wire between it and the tap that counts bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from nostr_sdk import EventBuilder, Keys, Kind, Tag
from websockets.asyncio.client import ClientConnection, connect

from tests.endtoend.stack import DEADLINE

Message = list[Any]


def signed(keys: Keys, kind: int = 1, content: str = "hello", tags: list[list[str]] | None = None) -> dict[str, Any]:
    """A signed event as JSON values."""
    builder = EventBuilder(Kind(kind), content).tags([Tag.parse(tag) for tag in tags or []])
    event: dict[str, Any] = json.loads(builder.finalize(keys).as_json())
    return event


class Talker:
    """Sends a message and reads up to its answer. Payload bytes and the milliseconds of each answer are kept."""

    def __init__(self, connection: ClientConnection) -> None:
        self.socket = connection
        self.heard: list[Message] = []
        self.milliseconds: list[float] = []
        self.payload_in = 0
        self.payload_out = 0

    async def say(self, *message: Any, text: str | None = None) -> None:
        """Sends a message and does not wait."""
        text = json.dumps(message) if text is None else text
        self.payload_in += len(text.encode())
        await self.socket.send(text)

    async def ask(self, *message: Any, answer: str) -> Message:
        """Sends a message and reads until the relay says `answer`, which it returns."""
        started = time.monotonic()
        await self.say(*message)
        heard = await self.hear(answer)
        self.milliseconds.append((time.monotonic() - started) * 1000)
        return heard

    async def hear(self, verb: str) -> Message:
        """Reads until the relay says this verb."""
        try:
            async with asyncio.timeout(DEADLINE):
                while True:
                    text = await self.socket.recv(decode=False)
                    self.payload_out += len(text)
                    message: Message = json.loads(text)
                    self.heard.append(message)
                    if message[0] == verb:
                        return message
        except TimeoutError:
            raise AssertionError(f"no {verb} came, but {str(self.heard)[-2000:]}") from None

    def cut(self) -> None:
        """Resets the TCP connection, as a lost network or a killed application does."""
        tcp = self.socket.transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.transport.abort()


@asynccontextmanager
async def talking(url: str, **options: Any) -> AsyncIterator[Talker]:
    """A connection, closed properly at the end."""
    async with connect(url, **{"compression": None, "ping_interval": None, **options}) as connection:
        yield Talker(connection)


class CountingWire:
    """Forwards TCP bytes to a port and counts them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.url = ""
        self.bytes_in = 0
        self.bytes_out = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)

        async def forward() -> None:
            while data := await reader.read(65536):
                self.bytes_in += len(data)
                far_writer.write(data)
            far_writer.write_eof()

        forwarding = asyncio.ensure_future(forward())
        while data := await far_reader.read(65536):
            self.bytes_out += len(data)
            writer.write(data)
        writer.close()
        await forwarding
        far_writer.close()


@asynccontextmanager
async def counting_wire(port: int) -> AsyncIterator[CountingWire]:
    """A wire to a local port; connect to its `url`."""
    wire = CountingWire(port)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield wire
