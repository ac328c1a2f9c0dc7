"""The two ends of an incident, each a process: a relay that can be told to stop answering, and the clients of one app.

`relay` prints its port and reads `silence` and `answer` from stdin. `app` sends until stdin ends. Both are as lean as
the benchmark's, so that thousands of messages a second leave the processors to what is tested.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from functools import partial
from typing import Any, cast

import uvloop

from benchmarks import nostr_load

UPGRADE = (
    "GET / HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: {app}/1.0\r\nX-Forwarded-For: {address}\r\n\r\n"
)


class Voice:
    """Whether relays of this process answer."""

    silent = False


class Relay(nostr_load.Relay):
    """Answers every EVENT with OK, unless it was told to be silent; it goes on to accept connections and to read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", _Muted(self.transport))


class _Muted:
    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        if not Voice.silent or data.startswith(b"HTTP/"):
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Client(asyncio.Protocol):
    """Asks for the upgrade, then sends what it is given; answers are not looked at."""

    def __init__(self, app: str, address: str) -> None:
        self._upgrade = UPGRADE.format(app=app, address=address).encode()
        self.upgraded = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._upgrade)

    def data_received(self, data: bytes) -> None:
        if not self.upgraded.done():
            self.upgraded.set_result(None)


async def run_relay() -> None:
    server = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        Voice.silent = line.strip() == "silence"


def _itself(client: Client) -> Client:
    return client


class Events:
    """Frames of events of a kind, each with an id of its own: OKs must not answer an earlier message."""

    def __init__(self, kind: int) -> None:
        message = f'["EVENT",{nostr_load.event(0)}]'.replace('"kind":1,', f'"kind":{kind},')
        frame = nostr_load.frame(message.encode(), masked=True)
        place = nostr_load.HEADER + nostr_load.BEFORE_ID
        self._before, self._after = frame[:place], frame[place + 64 :]

    def frame(self, number: int) -> bytes:
        return self._before + b"%064x" % number + self._after


async def run_app(port: int, name: str, network: str, connections: int, rate: float, kind: int) -> None:
    loop = asyncio.get_running_loop()
    clients = [Client(name, f"{network}.{number + 1}") for number in range(connections)]
    for client in clients:
        await loop.create_connection(partial(_itself, client), "127.0.0.1", port)
    await asyncio.gather(*(client.upgraded for client in clients))
    events = Events(kind)
    over = loop.run_in_executor(None, sys.stdin.read)
    print("sends", flush=True)
    started, sent = time.perf_counter(), 0
    while not over.done():
        due = int((time.perf_counter() - started) * rate)
        for number in range(sent, due):
            clients[number % connections].transport.write(events.frame(number))
        sent = due
        await asyncio.sleep(0.002)
    for client in clients:
        client.transport.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("relay", "app"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", default="app")
    parser.add_argument("--network", default="203.0.113", help="first three numbers of the clients' addresses")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--rate", type=float, default=10, help="messages per second, all connections together")
    parser.add_argument("--kind", type=int, default=1)
    given = parser.parse_args()
    if given.role == "relay":
        uvloop.run(run_relay())
    else:
        uvloop.run(run_app(given.port, given.name, given.network, given.connections, given.rate, given.kind))


if __name__ == "__main__":
    main()
