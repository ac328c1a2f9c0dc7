"""The FastAPI application. Endpoints run in the thread pool: `core` reads through a connection pool, not asyncio."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Literal

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from api import problems
from api.limits import RateLimit, Slots
from api.metrics import Metrics
from api.middleware import RequestContext
from api.routes import alerts, channels, clients, exports, live, log, noted, own, reports, retention, schedules
from api.routes.common import PROBLEMS
from api.sharing import Shared
from core.settings import Settings
from core.storage.database import Database

DESCRIPTION = """Traffic analytics for a Nostr relay.

Every endpoint but `/healthz` wants `Authorization: Bearer rat_…`; make a token with `relay-analytics token create`.
Results hold `data` (tables, as lists of objects) and `meta` (range, zone, exactness, units and meaning of each column).
Errors are RFC 9457 problem details.
"""
PUBLIC = frozenset({"/healthz"})
"""Endpoints without a token, beside the documentation."""
COMPRESSED_FROM = 1000
"""Bytes; smaller answers are not worth it."""


THREADS = 8
"""Calls that are worked on at once; the others wait in the event loop. A report is mostly work of this process, so more
threads only take the interpreter from each other, and wait for connections."""


class HealthOut(BaseModel):
    status: Literal["ok"]
    version: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Limit the threads. What is imported by now stays: it is kept out of garbage collection."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    gc.collect()
    gc.freeze()
    yield


def create_app(database: Database, settings: Settings) -> FastAPI:
    """The application on `database`. It owns neither: the caller migrates before and closes after."""
    app = FastAPIOffline(
        title="Relay Analytics",
        description=DESCRIPTION,
        version=version("relay-analytics"),
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.database = database
    app.state.settings = settings
    app.state.metrics = Metrics()
    app.state.shared = Shared()
    app.state.rate_limit = RateLimit(settings.api_rate_limit)
    app.state.export_slots = Slots(settings.api_exports)
    app.state.export_threads = anyio.CapacityLimiter(settings.api_exports)
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=5)
    if settings.api_cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.api_cors_origins,
            allow_methods=["GET"],
            allow_headers=["Authorization", "If-None-Match"],
            expose_headers=["ETag", "X-Request-ID", "X-Export-ID", "RateLimit", "RateLimit-Policy", "Retry-After"],
        )
    app.add_middleware(RequestContext)
    problems.install(app)
    for module in (live, reports, clients, exports, alerts, noted, channels, schedules, retention, log, own):
        app.include_router(module.routes())

    @app.get("/healthz", tags=["health"], responses={503: PROBLEMS[503]})
    def healthz(request: Request) -> HealthOut:
        """Whether the API and its database answer."""
        with database.borrow() as connection:
            connection.execute("SELECT 1")
        return HealthOut(status="ok", version=version("relay-analytics"))

    return app
