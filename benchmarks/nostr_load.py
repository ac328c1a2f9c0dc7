"""The two ends of the tap's benchmark, as lean as they can be: a relay that answers at once, and clients that ask.

`relay` prints its port. `load` prints what it did as JSON. Bytes are counted instead of parsed: every message and every
answer of a kind has one length.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections import deque
from typing import cast

import uvloop
from websockets.speedups import apply_mask
from websockets.utils import accept_key

EVENT_BYTES = 1000
STREAM = 20
"""Stored events that a REQ gets."""
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)
END = b"\r\n\r\n"
HEADER = 8  # of a client's frame of 126 to 65,535 bytes: two, two of length, four of mask
BEFORE_ID = len('["EVENT",{"id":"')


def frame(payload: bytes, *, masked: bool) -> bytes:
    """A text frame. The mask is zero: that saves the making, and nobody who reads it can know."""
    mask = bytes(4) if masked else b""
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        return bytes((0x81, bit | len(payload))) + mask + payload
    return bytes((0x81, bit | 126)) + len(payload).to_bytes(2, "big") + mask + payload


def event(number: int) -> str:
    fields = {
        "id": f"{number:064x}", "pubkey": "ab" * 32, "created_at": 1_700_000_000 + number, "kind": 1,
        "tags": [["e", "cd" * 32, "", "reply"], ["p", "ef" * 32]], "content": "", "sig": "12" * 64,
    }  # fmt: skip
    fields["content"] = "x" * (EVENT_BYTES - len(json.dumps(fields, separators=(",", ":"))))
    return json.dumps(fields, separators=(",", ":"))


REQ = frame(('["REQ","s",{"kinds":[1],"authors":["' + "ab" * 32 + '"],"limit":20}]').ljust(130).encode(), masked=True)
EVENTS = [frame(f'["EVENT",{event(number)}]'.encode(), masked=True) for number in range(512)]
ANSWER = b"".join(frame(f'["EVENT","s",{event(number)}]'.encode(), masked=False) for number in range(STREAM)) + frame(
    b'["EOSE","s"]', masked=False
)


def ok(id_: bytes) -> bytes:
    return frame(b'["OK","' + id_ + b'",true,""]', masked=False)


OK_BYTES = len(ok(b"0" * 64))


class Relay(asyncio.Protocol):
    def __init__(self) -> None:
        self.upgraded = False
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data if self.buffer else data
        if not self.upgraded:
            end = data.find(END)
            if end < 0:
                self.buffer = data
                return
            self.upgraded = True
            key = next(line for line in data.lower().split(b"\r\n") if line.startswith(b"sec-websocket-key:"))
            place = data.lower().find(key) + len(b"sec-websocket-key:")
            name = data[place : data.find(b"\r\n", place)].strip().decode()
            self.transport.write(SWITCH % accept_key(name).encode())
            data = data[end + len(END) :]
        start, answers = 0, []
        while len(data) - start >= HEADER:
            length = HEADER + int.from_bytes(data[start + 2 : start + 4], "big")
            if data[start + 1] & 0x7F != 126 or len(data) - start < length:
                break
            payload = start + HEADER
            head = apply_mask(data[payload : payload + BEFORE_ID + 64], data[payload - 4 : payload])
            if head.startswith(b'["E'):
                answers.append(ok(head[BEFORE_ID:]))
            else:
                answers.append(ANSWER)
            start += length
        self.buffer = data[start:]
        if answers:
            self.transport.write(b"".join(answers))


class Client(asyncio.Protocol):
    """Sends messages and sees their answers come; `answered` hears of each with the seconds it took."""

    def __init__(self, load: Load, number: int) -> None:
        self.load = load
        self.next = number * 37 % len(EVENTS)
        self.upgraded = False
        self.head = b""
        self.have = 0
        self.sent: deque[float] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(UPGRADE)

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.lost += 1

    def ask(self, number: int) -> None:
        now = time.perf_counter()
        messages = []
        for _ in range(number):
            self.sent.append(now)
            messages.append(REQ if self.load.stream else EVENTS[self.next])
            self.next = (self.next + 1) % len(EVENTS)
        self.transport.write(b"".join(messages))

    def data_received(self, data: bytes) -> None:
        if not self.upgraded:
            self.head += data
            if END not in self.head:
                return
            self.upgraded = True
            self.load.opened += 1
            return
        self.have += len(data)
        done, self.have = divmod(self.have, self.load.answer_bytes)
        if not done:
            return
        now = time.perf_counter()
        load = self.load
        load.answers += done
        for _ in range(done):
            load.seconds.append(now - self.sent.popleft())
        if load.closed_loop and load.running:
            self.ask(done)


class Load:
    def __init__(self, *, stream: bool, closed_loop: bool) -> None:
        self.stream = stream
        self.closed_loop = closed_loop
        self.answer_bytes = len(ANSWER) if stream else OK_BYTES
        self.running = False
        self.opened = self.lost = self.answers = 0
        self.seconds: list[float] = []


async def opened(port: int, number: int, load: Load) -> list[Client]:
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    for start in range(0, number, 100):
        made = [
            loop.create_connection(lambda place=place: Client(load, place), "127.0.0.1", port)  # type: ignore[misc]
            for place in range(start, min(start + 100, number))
        ]
        clients += [protocol for _, protocol in await asyncio.gather(*made)]
        async with asyncio.timeout(30):
            while load.opened < len(clients):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    return clients


async def run_load(port: int, connections: int, seconds: float, rate: float, window: int, *, stream: bool) -> None:
    """Waits for a line on stdin before it begins and after it ended, so that CPU is read exactly between."""
    loop = asyncio.get_running_loop()
    load = Load(stream=stream, closed_loop=rate == 0)
    clients = await opened(port, connections, load)
    for client in clients:  # warm: every path has been gone once
        client.ask(1)
    while load.answers < connections:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    load.answers, load.seconds = 0, []
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    started = time.perf_counter()
    load.running = True
    asked = 0
    if rate == 0:
        for client in clients:
            client.ask(window)
        await asyncio.sleep(seconds)
    else:
        while (now := time.perf_counter() - started) < seconds:
            due = int(now * rate)
            for number in range(asked, due):
                clients[number % connections].ask(1)
            asked = due
            await asyncio.sleep(0.001)
    load.running = False
    lasted, answers = time.perf_counter() - started, load.answers
    times = sorted(load.seconds)
    result = {
        "seconds": lasted, "answers": answers, "lost": load.lost,
        "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100],
    }  # fmt: skip
    print(json.dumps(result), flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    for client in clients:
        client.transport.abort()


async def run_idle(port: int, connections: int) -> None:
    load = Load(stream=False, closed_loop=False)
    clients = await opened(port, connections, load)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(json.dumps({"lost": load.lost}), flush=True)
    for client in clients:
        client.transport.abort()


async def run_relay() -> None:
    server = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("relay", "load", "idle"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rate", type=float, default=0, help="messages per second; 0: as many as go through")
    parser.add_argument("--window", type=int, default=1, help="messages of a client that wait for their answer")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--cpu", type=int)
    given = parser.parse_args()
    if given.cpu is not None:
        os.sched_setaffinity(0, {given.cpu})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if given.role == "relay":
        uvloop.run(run_relay())
    elif given.role == "idle":
        uvloop.run(run_idle(given.port, given.connections))
    else:
        uvloop.run(
            run_load(given.port, given.connections, given.seconds, given.rate, given.window, stream=given.stream)
        )


if __name__ == "__main__":
    main()
