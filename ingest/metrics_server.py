"""`/metrics` and `/healthz`, on a port of their own and in threads of their own: asking costs the traffic nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import msgspec
import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from ingest.metrics import Exposition

log = structlog.get_logger()


class Health(NamedTuple):
    """`ok` decides between 200 and 503; `processes` says how each is doing, e.g. `{"tap-0": "up"}`."""

    ok: bool
    status: str
    processes: dict[str, str]


class _Server6(ThreadingWSGIServer):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    timeout = 10.0  # seconds; a connection that says nothing must not keep its thread

    def log_message(self, format: str, *args: Any) -> None:
        pass


def application(collect: Callable[[], Exposition], health: Callable[[], Health]) -> WSGIApplication:
    """The two pages as a WSGI application."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                registry = CollectorRegistry()
                registry.register(collect())
                page: WSGIApplication = make_wsgi_app(registry)
                return page(environ, start_response)
            case "/healthz":
                found = health()
                start_response(
                    "200 OK" if found.ok else "503 Service Unavailable", [("Content-Type", "application/json")]
                )
                return [msgspec.json.encode({"status": found.status, "processes": found.processes})]
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics and /healthz are here.\n"]

    return answer


@contextmanager
def serving(host: str, port: int, app: WSGIApplication) -> Iterator[int | None]:
    """Serves until the end of the block; gives the port. With port 0, or when it is taken (logged), nothing is served:
    traffic matters more."""
    if port == 0:
        yield None
        return
    server_class = _Server6 if ":" in host else ThreadingWSGIServer
    try:
        server = make_server(host, port, app, server_class, _Quiet)
    except OSError as error:
        log.error("METRICS_PORT is not available; there are no metrics", port=port, error=str(error))
        yield None
        return
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    log.info("Metrics are served", url=f"http://{host}:{port}/metrics")
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
