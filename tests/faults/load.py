"""Clients that send signed events through the tap and wait for the relay's OK, and remember every one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from nostr_sdk import Keys, LocalRelayBuilder, RateLimit
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.endtoend.relays import nostr_sdk_relay
from tests.endtoend.stack import eventually
from tests.endtoend.talk import signed

PAUSE = 0.005
"""Seconds between two messages of a client, so that it leaves the processor to others."""


PER_CONNECTION = 5_000
"""Messages of a connection, after which a client begins another: nostr-sdk's relay ends one after 6,000."""


class Load:
    """`acknowledged`: the ids of each connection whose OK arrived, in order. `failures`: why connections broke."""

    def __init__(self, url: str, pause: float) -> None:
        self.url = url
        self.acknowledged: list[list[str]] = []
        self.failures: list[str] = []
        self._numbers = count()
        self._pause = pause
        self._stopped = asyncio.Event()

    @property
    def answered(self) -> int:
        return sum(map(len, self.acknowledged))

    async def goes_on(self, messages: int = 30) -> None:
        """Waits until that many more messages were answered."""
        enough = self.answered + messages

        async def reached() -> bool:
            return self.answered >= enough

        await eventually(reached, f"{messages} more answers")

    async def client(self) -> None:
        """Sends one message after the other; connects again when the connection breaks or has had its share."""
        keys = Keys.generate()
        while not self._stopped.is_set():
            try:
                async with connect(self.url, compression=None, ping_interval=None, proxy=None) as socket:
                    ids: list[str] = []
                    self.acknowledged.append(ids)
                    while not self._stopped.is_set() and len(ids) < PER_CONNECTION:
                        event = signed(keys, content=str(next(self._numbers)))
                        await socket.send(json.dumps(["EVENT", event]))
                        answer = json.loads(await socket.recv())
                        assert answer[:3] == ["OK", event["id"], True], answer
                        ids.append(event["id"])
                        await asyncio.sleep(self._pause)
            except (OSError, ConnectionClosed, InvalidHandshake, EOFError) as error:
                self.failures.append(repr(error))
                await asyncio.sleep(0.02)

    def stop(self) -> None:
        self._stopped.set()


@asynccontextmanager
async def load(url: str, clients: int = 3, *, pause: float = PAUSE) -> AsyncIterator[Load]:
    """A load that runs until the end of the block; every connection is then closed."""
    running = Load(url, pause)
    tasks = [asyncio.ensure_future(running.client()) for _ in range(clients)]
    try:
        yield running
    finally:
        running.stop()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def quick_relay() -> AsyncIterator[str]:
    """nostr-sdk's relay without its limits."""
    builder = LocalRelayBuilder().rate_limit(RateLimit(max_reqs=1000, notes_per_minute=10_000_000))
    async with nostr_sdk_relay(builder) as url:
        yield url.rstrip("/")
