"""An id for each HTTP request of the dashboard, as `X-Request-ID`, in its log lines and in the audit log."""

from __future__ import annotations

import secrets
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.places import BASE

log = structlog.get_logger("dashboard")
OWN = (f"{BASE}/auth/", f"{BASE}/export/")
"""The routes whose requests are logged; the others are Streamlit's, whose pages fetch dozens of files each."""


class RequestIds:
    """Plain ASGI, so that downloads stream through it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, with_id)
            finally:
                if scope["path"].startswith(OWN):  # never the query: it holds tickets
                    milliseconds = round((time.perf_counter() - started) * 1000, 1)
                    log.info(
                        "request", method=scope["method"], path=scope["path"], status=status, milliseconds=milliseconds
                    )
