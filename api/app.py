"""The FastAPI application. Endpoints run in the thread pool: `core` reads through a connection pool, not asyncio."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, Field

from api import problems
from api.payload import MetaOut, data_out, meta_out
from api.security import RequestContext, relay_wide
from core.accounts.tokens import Principal
from core.reports import realtime
from core.reports.realtime import WINDOWS
from core.settings import Settings
from core.storage.database import Database

DESCRIPTION = """Traffic analytics for a Nostr relay.

Every endpoint but `/healthz` wants `Authorization: Bearer rat_…`; make a token with `relay-analytics token create`.
Results hold `data` (tables, as lists of objects) and `meta` (range, zone, exactness, units and meaning of each column).
"""


class RealtimeOut(BaseModel):
    """The realtime dashboard. The tables and their columns are described in `meta.columns`."""

    data: dict[str, list[dict[str, Any]]] = Field(
        description=", ".join(f"`{t.name}`: {t.meaning}" for t in realtime.tables)
    )
    meta: MetaOut


class HealthOut(BaseModel):
    status: Literal["ok"]
    version: str


class ProblemOut(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None


_PROBLEM = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
_TOKEN_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or one that is unknown, revoked or expired", "content": _PROBLEM},
    403: {"description": "The token's role may not see this", "content": _PROBLEM},
    422: {"description": "A parameter has a value that cannot be used", "content": _PROBLEM},
    503: {"description": "The database does not answer", "content": _PROBLEM},
}


def create_app(database: Database, settings: Settings) -> FastAPI:
    """The application on `database`. It owns neither: the caller migrates before and closes after."""
    app = FastAPIOffline(
        title="Relay Analytics",
        description=DESCRIPTION,
        version=version("relay-analytics"),
        redoc_url=None,
    )
    app.state.database = database
    app.add_middleware(RequestContext)
    problems.install(app)

    @app.get("/healthz", tags=["health"], responses={503: _TOKEN_PROBLEMS[503]})
    def healthz() -> HealthOut:
        """Whether the API and its database answer."""
        with database.borrow() as connection:
            connection.execute("SELECT 1")
        return HealthOut(status="ok", version=version("relay-analytics"))

    @app.get("/api/v1/analytics/dashboard/realtime", tags=["dashboard"], responses=_TOKEN_PROBLEMS)
    def dashboard_realtime(
        request: Request,
        caller: Annotated[Principal, Depends(relay_wide)],
        window: Annotated[
            int,
            Query(description="Seconds that charts and breakdowns cover", json_schema_extra={"enum": list(WINDOWS)}),
        ] = 300,
    ) -> RealtimeOut:
        """What happens right now: connections, rates, response times, event types, latest errors, the host."""
        result = realtime(database, now=datetime.now(UTC), window=window, time_zone=settings.time_zone)
        return RealtimeOut(data=data_out(result), meta=meta_out(realtime, result.meta))

    return app
