"""What holds for every request: an id, security headers, limits of its size, one line in the log."""

from __future__ import annotations

import secrets
import time
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import LONGEST_BODY, LONGEST_TARGET
from api.problems import problem, unexpected

log = structlog.get_logger("api")

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
DATA_ONLY = "default-src 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of everything but the documentation page."""


class RequestContext:
    """Gives each request an id (returned as `X-Request-ID`), refuses oversized ones, adds headers, logs. Plain ASGI, so
    that exports stream through it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = secrets.token_hex(8)
        seen = _Seen(time.perf_counter())

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                _add_headers(MutableHeaders(scope=message), scope, state)
            elif message["type"] == "http.response.body":
                seen.size += len(message.get("body", b""))
                seen.complete = not message.get("more_body", False)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=state["request_id"]):
            try:
                refused = _refusal(scope)
                await (refused or self.app)(scope, receive, sending)
            except Exception as error:
                answer = unexpected(Request(scope), error)
                if seen.status:
                    raise  # an answer that has begun is cut off: its reader notices
                await answer(scope, receive, sending)
            finally:
                seconds = time.perf_counter() - seen.started
                scope["app"].state.metrics.count(scope, seen.status, seconds, seen.size)
                _log(scope, state, seen, seconds)


class _Seen:
    """What was answered."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.status = 0
        self.size = 0
        self.complete = False


def _refusal(scope: Scope) -> ASGIApp | None:
    headers = Headers(scope=scope)
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_TARGET:
        return problem(Request(scope), 414, f"Path and query can have {LONGEST_TARGET} bytes together.")
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal() or len(length) > 9:
        return problem(Request(scope), 413, "A body must say its length.")
    if scope["method"] not in WITH_BODY and int(length):
        return problem(Request(scope), 413, f"{scope['method']} takes no body: everything is in path and query.")
    if int(length) > LONGEST_BODY:
        return problem(Request(scope), 413, f"A body can have {LONGEST_BODY} bytes.")
    return None


def _add_headers(headers: MutableHeaders, scope: Scope, state: dict[str, Any]) -> None:
    headers["x-request-id"] = state["request_id"]
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if not headers.get("content-type", "").startswith(("text/html", "text/css", "text/javascript", "application/java")):
        headers.setdefault("content-security-policy", DATA_ONLY)
    standing = state.get("standing")
    for name, value in standing.headers.items() if standing else ():
        headers[name] = value


def _log(scope: Scope, state: dict[str, Any], seen: _Seen, seconds: float) -> None:
    """One line: never the query (someone may have put a token there), never a header."""
    caller = state.get("caller")
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=seen.status,
        complete=seen.complete,
        bytes=seen.size,
        milliseconds=round(seconds * 1000, 1),
        user=caller.username if caller else None,
        token_id=caller.token_id if caller else None,
    )
