"""The ASGI application: Streamlit, and the HTTP routes a script cannot serve (cookies, downloads).

Run it with `python -m dashboard`, or `streamlit run dashboard/server.py` from the project's folder.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from core.accounts import sessions, tickets
from core.exceptions import BadParameterError, DatabaseUnavailableError, NotAllowedError
from core.settings import ROOT, get_settings
from dashboard import exports
from dashboard.headers import SecurityHeaders
from dashboard.places import BASE, COOKIE, close_database, database, now
from dashboard.requests import RequestIds


def local_path(path: str | None) -> str:
    """`path` if it stays within the dashboard, else the dashboard's first page: no redirect leads elsewhere."""
    inside = path is not None and (path == BASE or path.startswith((f"{BASE}/", f"{BASE}?")))
    odd = path is not None and any(part in path for part in ("//", "\\", "\r", "\n"))
    return path if path and inside and not odd else f"{BASE}/"


def start(request: Request) -> Response:
    """Turn a sign-in ticket into a session cookie and go on to the page that was asked for."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return PlainTextResponse("Sign in from the dashboard itself.", status_code=403)
    username = tickets.redeem(database(), "sign-in", request.query_params.get("ticket", ""), now())
    if username is None:
        return PlainTextResponse("This sign-in link has been used or has expired. Sign in again.", status_code=400)
    lifetime = timedelta(days=get_settings().session_days)
    response = RedirectResponse(local_path(request.query_params.get("next")), status_code=303)
    response.set_cookie(
        COOKIE,
        sessions.start(database(), username, now(), lifetime),
        max_age=int(lifetime.total_seconds()),
        path=BASE,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


def end(request: Request) -> Response:
    """Use up a sign-out ticket: end the session and drop its cookie."""
    hashed = tickets.redeem(database(), "sign-out", request.query_params.get("ticket", ""), now())
    if hashed is not None:
        sessions.end(database(), bytes.fromhex(hashed))
    response = RedirectResponse(f"{BASE}/", status_code=303)
    response.delete_cookie(COOKIE, path=BASE)
    return response


def unavailable(_: Request, __: Exception) -> Response:
    """What a route answers while the database is away."""
    return PlainTextResponse(
        "The database does not answer. Try again in a moment.", status_code=503, headers={"Retry-After": "5"}
    )


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Warm imports are kept out of garbage collection: Streamlit collects after each rerun, most of a tick's time."""
    gc.collect()
    gc.freeze()
    yield {}
    close_database()


MIDDLEWARE = [Middleware(RequestIds), Middleware(SecurityHeaders)]

app = st.App(
    ROOT / "Home.py",
    routes=[
        Route(f"{BASE}/auth/start", start),
        Route(f"{BASE}/auth/end", end),
        Route(f"{BASE}/export/{{report}}/{{file}}", exports.download),
        Route(f"{BASE}/chart/{{report}}/{{file}}", exports.download_chart),
        Route(f"{BASE}/export/raw.{{format}}", exports.download_raw),
    ],
    middleware=MIDDLEWARE,
    lifespan=lifespan,
    exception_handlers={
        DatabaseUnavailableError: unavailable,
        BadParameterError: exports.refused,
        NotAllowedError: exports.refused,
    },
)
