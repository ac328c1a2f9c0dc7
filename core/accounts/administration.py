"""What an administrator does to users and tokens, each time with an entry in the audit log.

Pages and endpoints get their actor from `administrator`, which asks for the right; commands are the operator's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from core.accounts import tokens, users
from core.accounts.users import Role, User
from core.audit import Actor, recorded
from core.exceptions import UnknownTokenError
from core.permissions import require
from core.storage.database import Database


def administrator(user: User, request_id: str | None = None) -> Actor:
    """`user` as someone who administers on a page. Raises NotAllowedError."""
    require(user, "manage", "accounts")
    return Actor(user.username, "page", request_id)


def create_token(
    database: Database,
    actor: Actor,
    username: str,
    now: datetime,
    *,
    label: str = "",
    scopes: tuple[str, ...] = tokens.DEFAULT_SCOPES,
    lifetime: timedelta | None = timedelta(days=90),
) -> str:
    """The new token, which cannot be shown again. Raises UnknownUserError, BadParameterError."""
    days = None if lifetime is None else lifetime.days
    with recorded(database, actor, "token.create", now, user=username, label=label, scopes=list(scopes), days=days):
        return tokens.issue(database, username, now, label=label, scopes=scopes, lifetime=lifetime)


def expire_token(database: Database, actor: Actor, token_id: str, expires_at: datetime | None, now: datetime) -> None:
    """Let a token expire at another time, or never. Raises UnknownTokenError."""
    when = expires_at.isoformat() if expires_at else None
    with recorded(database, actor, "token.expire", now, token_id=token_id, expires_at=when):
        tokens.set_expiry(database, token_id, expires_at)


def revoke_token(database: Database, actor: Actor, token_id: str, now: datetime) -> None:
    """Revoke a token from this moment on. Raises UnknownTokenError."""
    with recorded(database, actor, "token.revoke", now, token_id=token_id):
        if not tokens.revoke(database, token_id, now):
            raise UnknownTokenError(f"There is no valid token with the id {token_id}.")


def add_user(
    database: Database, actor: Actor, username: str, password: str, now: datetime, role: Role, client_id: str | None
) -> User:
    """Raises BadParameterError when the name is taken or a value cannot be used."""
    with recorded(database, actor, "user.add", now, user=username, role=role, client_id=client_id):
        return users.add(database, username, password, now, role=role, client_id=client_id)


def set_password(database: Database, actor: Actor, username: str, password: str, now: datetime) -> None:
    """Raises UnknownUserError, BadParameterError."""
    with recorded(database, actor, "user.password", now, user=username):
        users.set_password(database, username, password)


def set_role(database: Database, actor: Actor, username: str, role: Role, client_id: str | None, now: datetime) -> None:
    """Raises UnknownUserError, BadParameterError."""
    with recorded(database, actor, "user.role", now, user=username, role=role, client_id=client_id):
        users.set_role(database, username, role, client_id)


def set_active(database: Database, actor: Actor, username: str, active: bool, now: datetime) -> None:
    """Raises UnknownUserError."""
    with recorded(database, actor, "user.active", now, user=username, active=active):
        users.set_active(database, username, active)


def remove_user(database: Database, actor: Actor, username: str, now: datetime) -> None:
    """Raises UnknownUserError."""
    with recorded(database, actor, "user.remove", now, user=username):
        users.remove(database, username)
