"""Two ends that say bytes to each other by a script, directly or through a tap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

DEADLINE = 20.0

Step = tuple[Literal["client", "relay"], bytes] | tuple[Literal["client", "relay"], None]
"""Who says what; None is the end of what this side has to say (FIN)."""


@dataclass
class Transcript:
    """What each end received, and whether it got the other's end."""

    relay: bytearray = field(default_factory=bytearray)
    client: bytearray = field(default_factory=bytearray)
    ends: list[str] = field(default_factory=list)


class ScriptedRelay:
    """A listening socket whose connections are played by the test."""

    def __init__(self) -> None:
        self._accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._open: list[asyncio.StreamWriter] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def listen(self) -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.append(writer)
            self._accepted.put_nowait((reader, writer))

        self._server = await asyncio.start_server(accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop_listening(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()
        self._open.clear()
        await self._server.wait_closed()

    async def __aexit__(self, *_: object) -> None:
        await self.stop_listening()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def accepted(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(DEADLINE):
            return await self._accepted.get()

    async def play(self, script: Sequence[Step], port: int | None = None) -> Transcript:
        """Plays the script between a client on `port` (default: the relay's own) and this relay.

        Each step is over when the other side has all of it; at the end both sides close.
        """
        transcript = Transcript()
        async with asyncio.timeout(DEADLINE):
            client_reader, client_writer = await asyncio.open_connection("127.0.0.1", port or self.port)
            relay: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
            for who, data in script:
                if who == "client":
                    _say(client_writer, data)
                    relay = relay or await self.accepted()
                    await _hear(relay[0], data, transcript.relay, "relay", transcript.ends)
                else:
                    assert relay is not None
                    _say(relay[1], data)
                    await _hear(client_reader, data, transcript.client, "client", transcript.ends)
            for writer in (client_writer, relay[1] if relay else None):
                if writer is not None:
                    writer.close()
            if relay is not None:
                transcript.relay += await relay[0].read()
            transcript.client += await client_reader.read()
        return transcript


def _say(writer: asyncio.StreamWriter, data: bytes | None) -> None:
    if data is None:
        writer.write_eof()
    else:
        writer.write(data)


async def _hear(reader: asyncio.StreamReader, data: bytes | None, heard: bytearray, name: str, ends: list[str]) -> None:
    if data is None:
        heard += await reader.read()
        ends.append(name)
    else:
        heard += await reader.readexactly(len(data))
