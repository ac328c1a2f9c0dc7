"""Many callers at once, each on its own connection: a small HTTP/1.1 client, which leaves the processor to the API."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field

import uvloop


@dataclass
class Calls:
    """What callers saw: seconds of each call, and how many were not answered with 200."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    elapsed: float = 0.0

    def percentile(self, part: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)] * 1000


def call_for(seconds: float, callers: int, port: int, path: str, token: str) -> Calls:
    """Let `callers` ask for `path` one call after the other for so long; calls that were begun are finished."""
    calls = Calls()

    async def everyone() -> None:
        started = time.perf_counter()
        until = started + seconds
        await asyncio.gather(*(_caller(calls, until, port, path, token) for _ in range(callers)))
        calls.elapsed = time.perf_counter() - started

    uvloop.run(everyone())
    return calls


async def _caller(calls: Calls, until: float, port: int, path: str, token: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    while True:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
        calls.seconds.append(time.perf_counter() - started)
        calls.failed += not head.startswith(b"HTTP/1.1 200")
        if time.perf_counter() >= until:
            writer.close()
            return


def download(port: int, path: str, token: str) -> int:
    """Read a whole chunked answer and forget it; its size in bytes, framing included. Raises if it was cut off."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        size, last = 0, b""
        while not last.endswith(b"\r\n0\r\n\r\n"):
            part = connection.recv(1 << 20)
            if not part:
                raise ConnectionError("the answer was cut off")
            size += len(part)
            last = (last + part)[-16:]
    return size
