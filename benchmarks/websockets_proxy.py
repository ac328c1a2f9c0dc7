"""The baseline that anyone would write: a WebSocket proxy of the `websockets` library, messages passed both ways."""

from __future__ import annotations

import argparse
import asyncio
import os

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def copy(source: ServerConnection | ClientConnection, target: ServerConnection | ClientConnection) -> None:
    try:
        async for message in source:
            await target.send(message)
    except ConnectionClosed:
        pass
    await target.close()


async def main(port: int, relay: int) -> None:
    async def pass_on(client: ServerConnection) -> None:
        async with connect(f"ws://127.0.0.1:{relay}", compression=None, ping_interval=None) as upstream:
            await asyncio.gather(copy(client, upstream), copy(upstream, client))

    async with serve(pass_on, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4096):
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("relay", type=int)
    parser.add_argument("--cpu", type=int, required=True)
    given = parser.parse_args()
    os.sched_setaffinity(0, {given.cpu})
    uvloop.run(main(given.port, given.relay))
