"""Who calls: the bearer token of each request, and the headers every response carries."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.accounts import tokens
from core.accounts.tokens import Principal
from core.exceptions import InvalidTokenError

_bearer = HTTPBearer(auto_error=False, description="A token from `relay-analytics token create`, such as `rat_…`.")


def principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """The caller. Raises InvalidTokenError (401) without a valid bearer token."""
    if credentials is None:
        raise InvalidTokenError("Send a token: Authorization: Bearer rat_… (relay-analytics token create).")
    return tokens.authenticate(request.app.state.database, credentials.credentials, datetime.now(UTC))


def relay_wide(caller: Annotated[Principal, Depends(principal)]) -> Principal:
    """A caller who may see the whole relay: not one limited to a single client."""
    if caller.role == "client":
        raise HTTPException(403, "This token belongs to a client of the relay and may see only its own numbers.")
    return caller


SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class RequestContext:
    """Gives each request an id (returned as `X-Request-ID`) and each response the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)
