"""The few types of ASGI that the collector uses, and what requests and answers have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

import msgspec

from core.exceptions import (
    BadBatchError,
    CollectorBusyError,
    InvalidTokenError,
    RelayAnalyticsError,
    SourcesUnknownError,
    SpoolFullError,
    TooLargeError,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Mapping[str, str]

PATH = "/v1/events"
RETRY_SECONDS = 1

_STATUS: Mapping[type[RelayAnalyticsError], HTTPStatus] = {
    BadBatchError: HTTPStatus.BAD_REQUEST,
    InvalidTokenError: HTTPStatus.UNAUTHORIZED,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    SourcesUnknownError: HTTPStatus.SERVICE_UNAVAILABLE,
    CollectorBusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    SpoolFullError: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(Exception):
    """An answer other than 200, as RFC 9457 problem details. `more`: members beyond the standard ones."""

    def __init__(self, status: int, detail: str, headers: Headers | None = None, **more: object) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.headers = {"Content-Type": "application/problem+json", **(headers or {})}
        self.body = msgspec.json.encode(
            {"type": "about:blank", "title": self.status.phrase, "status": self.status.value, "detail": detail, **more}
        )


def problem_of(error: RelayAnalyticsError) -> Problem:
    """The problem that tells of a known error."""
    status = _STATUS[type(error)]
    headers = {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="relay-analytics collector"'
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return Problem(status, str(error), headers)


def headers_of(scope: Scope) -> Headers:
    """By lower-case name; of a repeated header the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def bearer(headers: Headers) -> str:
    """The bearer token of a request; empty when there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def respond(send: Send, status: int, headers: Headers, body: bytes, prefix: str = "http.response") -> None:
    """Sends a whole response. `prefix` is `websocket.http.response` where an upgrade is refused."""
    fields = {**headers, "Content-Length": str(len(body))}
    await send(
        {
            "type": f"{prefix}.start",
            "status": status,
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()],
        }
    )
    await send({"type": f"{prefix}.body", "body": body})
