"""The guard of every endpoint: who calls, whether the token has calls left, and whether the caller may do this."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.limits import TooManyCallsError
from core import permissions
from core.accounts import tokens
from core.accounts.tokens import Principal
from core.audit import Actor
from core.exceptions import BadParameterError, InvalidTokenError
from core.permissions import Action, Resource

_bearer = HTTPBearer(auto_error=False, description="A token from `relay-analytics token create`, such as `rat_…`.")


@dataclass(frozen=True)
class Access:
    """A call that was let through."""

    caller: Principal
    request_id: str

    def require(self, action: Action, resource: Resource, client_id: str | None = None) -> None:
        """For what turns out only within an endpoint. Raises NotAllowedError."""
        permissions.require(self.caller, action, resource, client_id)

    def may(self, action: Action, resource: Resource) -> bool:
        return permissions.decide(self.caller, action, resource).allowed

    def limited_to(self, client_id: str | None = None) -> str | None:
        """The client to read: the one asked for, or the only one the caller may see."""
        return permissions.limited_to(self.caller, client_id)

    @property
    def actor(self) -> Actor:
        return Actor(self.caller.username, f"token {self.caller.token_id}", self.request_id)


@dataclass(frozen=True)
class Guard:
    """A dependency that lets through who may do `action` to `resource`. A route without one fails a test.

    Raises InvalidTokenError, TooManyCallsError, NotAllowedError, and BadParameterError for a parameter given twice,
    of which one reader might take the first and another the last.
    """

    action: Action
    resource: Resource

    def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Access:
        if credentials is None:
            raise InvalidTokenError("Send a token: Authorization: Bearer rat_… (relay-analytics token create).")
        now = datetime.now(UTC)
        caller = tokens.authenticate(request.app.state.database, credentials.credentials, now)
        request.state.caller = caller
        standing = request.app.state.rate_limit.take(caller.token_id, now.timestamp())
        request.state.standing = standing
        if standing is not None and not standing.allowed:
            raise TooManyCallsError
        twice = [
            name for name, count in Counter(name for name, _ in request.query_params.multi_items()).items() if count > 1
        ]
        if twice:
            raise BadParameterError(f"{', '.join(twice)}: given more than once.")
        client_id = request.path_params.get("client_id") or request.query_params.get("client_id")
        permissions.require(caller, self.action, self.resource, client_id)
        return Access(caller, request.state.request_id)
