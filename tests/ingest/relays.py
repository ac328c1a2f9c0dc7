"""A relay that answers every REQ with EOSE at once, and clients of it; both with the `websockets` library."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@asynccontextmanager
async def answering_relay() -> AsyncIterator[str]:
    """Its URL."""

    async def answer(connection: ServerConnection) -> None:
        try:
            async for message in connection:
                words = json.loads(message)
                if words[0] == "REQ":
                    await connection.send(json.dumps(["EOSE", words[1]]))
        except ConnectionClosed:
            pass

    async with serve(answer, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def clients(port: int, number: int) -> AsyncIterator[list[ClientConnection]]:
    """So many connections to a tap, closed in the end."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connect(f"ws://127.0.0.1:{port}")) for _ in range(number)]


async def is_answered(client: ClientConnection) -> bool:
    """Whether the client gets the answer to a REQ; False when its connection has ended."""
    try:
        await client.send('["REQ","s",{}]')
        return await client.recv() == '["EOSE", "s"]'
    except ConnectionClosed:
        return False
