"""The tap: listens, dials the relay for every connection, and splices the two. One per process.

Byte-transparent and fail-open: requests are changed only where a setting says so, and reading never gets in the way.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator

import structlog

from core.settings import Settings
from ingest.http_head import Head, with_header, without
from ingest.observer import Observer
from ingest.recorder import Recorder, SpoolKeeper
from ingest.sampler import Sampler
from ingest.splice import ClientSide
from ingest.spool import spool_path
from ingest.upstream import Upstream

log = structlog.get_logger()

BACKLOG = 4096
FORWARDING_HEADERS = ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP")


class Tap:
    """One tap worker. Raises ValueError when `RELAY_URL` is unset."""

    def __init__(self, settings: Settings, worker: int = 0) -> None:
        if settings.relay_url is None:
            raise ValueError("RELAY_URL is not set")
        self.settings = settings
        self.upstream = Upstream.from_url(settings.relay_url)
        self.handshake_timeout = settings.tap_handshake_timeout
        self.dial_timeout = settings.tap_dial_timeout
        keeper = SpoolKeeper(spool_path(settings, worker), settings.spool_max_bytes)
        self.recorder = Recorder(keeper, settings.relay, settings.flush_interval, worker=worker)
        self.observer = Observer(settings, worker, self.recorder)
        self.sampler = Sampler(self.observer, worker, settings.data_dir)
        self._max_connections = min(settings.tap_max_connections, _connections_for_open_files())
        self._sides: set[ClientSide] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None

    @property
    def listens(self) -> bool:
        """Whether new connections are taken."""
        return self._server is not None and self._server.is_serving()

    @property
    def port(self) -> int:
        """The port listened on. Raises RuntimeError before the start."""
        if self._server is None:
            raise RuntimeError("the tap does not listen")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """Connections of any kind, at this moment."""
        return len(self._sides)

    @property
    def sides(self) -> list[ClientSide]:
        """The connections of clients, at this moment."""
        return list(self._sides)

    async def start(self, port: int | None = None) -> None:
        """Listens on the configured port, or another (0: any free one). Raises OSError when it is taken."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: ClientSide(self),
            self.settings.tap_host,
            self.settings.tap_port if port is None else port,
            backlog=BACKLOG,
            reuse_port=self.settings.tap_workers > 1 or None,
        )
        self.recorder.start()
        self.observer.start()
        self.sampler.start()
        log.info(
            "The tap listens",
            url=f"ws://{self.settings.tap_host}:{self.port}",
            relay=self.settings.relay,
            max_connections=self._max_connections,
        )

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Takes no new connections, so that another process can have the port, and waits until those there are have
        ended, `seconds` are over, or there is hurry. Nothing is cut here: `stop` does that."""
        if self._server is not None:
            self._server.close()
        if not self._sides or not seconds:
            return
        log.info("The tap drains", connections=len(self._sides), seconds=seconds)
        waits = [asyncio.ensure_future(event.wait()) for event in (self._empty, hurry)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    async def stop(self) -> None:
        """Closes every connection; what was measured reaches the spool."""
        if self._server is not None:
            self._server.close()
        for side in list(self._sides):
            side.close()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.recorder.stop)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._empty.wait()
            self.observer.stop()
            await self.sampler.stop()
        log.info("The tap has stopped", dropped=self.recorder.dropped)

    # Used by the splice

    def admit(self, side: ClientSide) -> bool:
        """Whether there is room for one more connection."""
        if len(self._sides) >= self._max_connections:
            return False
        self._sides.add(side)
        self._empty.clear()
        return True

    def leave(self, side: ClientSide) -> None:
        self._sides.discard(side)
        if not self._sides:
            self._empty.set()

    @property
    def rewrites(self) -> bool:
        """Whether the relay must not see requests as they come."""
        return self.upstream.rewrites or self.settings.tap_forward_address

    def rewrite(self, head: bytes, parsed: Head, peer: str | None) -> bytes:
        """The head as the relay gets it: the very same bytes, unless a setting or plain HTTP asks for a change."""
        if parsed.is_upgrade:
            if self.settings.tap_compression == "strip":
                head = without(head, "Sec-WebSocket-Extensions")
        elif (parsed.get("connection") or "").lower() != "close":
            head = with_header(head, "Connection", "close")  # one request per connection
        if self.settings.tap_forward_address:
            head = without(head, *FORWARDING_HEADERS)
            address = self.observer.identifier.address(peer, parsed)
            if address is not None:
                head = with_header(with_header(head, "X-Forwarded-For", str(address)), "X-Real-IP", str(address))
        return self.upstream.request(head)


def _connections_for_open_files() -> int:
    """Each connection takes two files; what the process may not open would hang instead of getting a 503."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (limit - 64) // 2) if limit != resource.RLIM_INFINITY else 1_000_000


@contextlib.asynccontextmanager
async def running_tap(settings: Settings, port: int = 0, worker: int = 0) -> AsyncIterator[Tap]:
    """A tap in this process's event loop, on any free port unless told."""
    tap = Tap(settings, worker)
    await tap.start(port)
    try:
        yield tap
    finally:
        await tap.stop()
