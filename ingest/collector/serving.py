"""The collector as a process: one port for HTTP and WebSocket, served by uvicorn on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn

from core.settings import Settings
from ingest.collector.asgi import Receive, Scope, Send
from ingest.collector.collecting import Collector
from ingest.collector.http import serve_http
from ingest.collector.websocket import serve_websocket

log = structlog.get_logger()

MOST_CONNECTIONS = 256
"""More are answered with 503."""
STOP_SECONDS = 5
PING_SECONDS = 20.0


class CollectorServer(uvicorn.Server):
    """Leaves signals to the process it runs in, and says when it takes connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def ready(self) -> None:
        await self._ready.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(collector: Collector) -> CollectorServer:
    """The web server around a collector, not started yet."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        serve = serve_websocket if scope["type"] == "websocket" else serve_http
        try:
            await serve(collector, scope, receive, send)
        except Exception as error:
            log.error("A request failed", path=scope["path"], exc_info=error)
            raise  # the server answers with 500

    return CollectorServer(
        uvicorn.Config(
            app,
            ws="websockets-sansio",
            http="httptools",
            lifespan="off",
            log_config=None,
            log_level="critical",  # what matters is logged above; it takes refused upgrades for errors
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws_max_size=collector.most_bytes,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            ws_per_message_deflate=True,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


def listening(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


@contextlib.asynccontextmanager
async def running_collector(settings: Settings, port: int | None = None) -> AsyncIterator[tuple[Collector, int]]:
    """A collector that listens on the configured port, or another (0: any free one), and the port.

    What was received before the end is kept and answered. Raises OSError when the port is taken.
    """
    wanted = port if port is not None else settings.collector_port
    if wanted is None:
        raise ValueError("COLLECTOR_PORT is not set")
    listener = listening(settings.collector_host, wanted)
    collector = Collector(settings)
    await collector.start()
    server = make_server(collector)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    await asyncio.wait({serving, asyncio.ensure_future(server.ready())}, return_when=asyncio.FIRST_COMPLETED)
    actual = int(listener.getsockname()[1])
    log.info("The collector listens", url=f"http://{settings.collector_host}:{actual}")
    try:
        yield collector, actual
    finally:
        server.should_exit = True
        await serving
        await collector.stop()
        log.info("The collector has stopped")
