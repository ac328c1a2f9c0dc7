"""API bearer tokens: opaque (`rat_…`), random, stored only as a hash, bound to a user, revocable, with expiry."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.accounts.users import normal
from core.exceptions import BadParameterError, InvalidTokenError, UnknownTokenError, UnknownUserError
from core.permissions import SCOPES
from core.storage.database import Database

PREFIX = "rat_"
DEFAULT_SCOPES = ("read", "export")
LAST_USE_RESOLUTION = timedelta(minutes=1)
"""`last_used_at` is written at most this often, so that a busy token does not cost a write per call."""


@dataclass(frozen=True)
class Principal:
    """Who makes a request: the user behind a token, with the user's role as it is now."""

    username: str
    role: str
    client_id: str | None
    """The only client this user may see; None: not limited to one."""
    token_id: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class TokenInfo:
    """What is known of a token, without the token itself."""

    token_id: str
    username: str
    label: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def state(self, now: datetime) -> str:
        """`valid`, `revoked` or `expired`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def issue(
    database: Database,
    username: str,
    now: datetime,
    *,
    label: str = "",
    scopes: tuple[str, ...] = DEFAULT_SCOPES,
    lifetime: timedelta | None = timedelta(days=90),
) -> str:
    """Create a token of `username` and return it; it cannot be shown again. `lifetime` None: it never expires.

    Raises UnknownUserError when there is no such user, BadParameterError for a scope there is not.
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise BadParameterError(f"A token has one or more of the scopes {', '.join(SCOPES)}, not {unknown}.")
    username = normal(username)
    token = PREFIX + secrets.token_urlsafe(32)
    with database.connect() as connection:
        known = connection.execute("SELECT 1 FROM users WHERE username = %s", [username]).fetchone()
        if known is None:
            raise UnknownUserError(f"There is no user named {username!r}.")
        connection.execute(
            "INSERT INTO api_tokens (token_id, token_hash, username, label, scopes, created_at, expires_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                secrets.token_hex(4),
                _hash(token),
                username,
                label,
                list(scopes),
                now,
                now + lifetime if lifetime else None,
            ],
        )
    return token


def authenticate(database: Database, token: str, now: datetime) -> Principal:
    """The principal behind `token`. Raises InvalidTokenError when it is unknown, revoked, expired, or its user is gone.

    The error does not tell these cases apart: a caller without a valid token learns nothing.
    """
    if not token.startswith(PREFIX):
        raise InvalidTokenError
    with database.borrow() as connection:
        row = connection.execute(
            "SELECT t.token_id, t.scopes, t.last_used_at, u.username, u.role, u.client_id"
            " FROM api_tokens t JOIN users u USING (username)"
            " WHERE t.token_hash = %s AND u.active AND t.revoked_at IS NULL"
            " AND (t.expires_at IS NULL OR t.expires_at > %s)",
            [_hash(token), now],
        ).fetchone()
        if row is None:
            raise InvalidTokenError
        token_id, scopes, last_used_at, username, role, client_id = row
        if last_used_at is None or now - last_used_at >= LAST_USE_RESOLUTION:
            connection.execute("UPDATE api_tokens SET last_used_at = %s WHERE token_id = %s", [now, token_id])
    return Principal(username, role, client_id, token_id, tuple(scopes))


def set_expiry(database: Database, token_id: str, expires_at: datetime | None) -> None:
    """Let a token expire at another time, or never (None). Raises UnknownTokenError."""
    with database.borrow() as connection:
        changed = connection.execute(
            "UPDATE api_tokens SET expires_at = %s WHERE token_id = %s AND revoked_at IS NULL", [expires_at, token_id]
        )
        if changed.rowcount == 0:
            raise UnknownTokenError(f"There is no valid token with the id {token_id}.")


def revoke(database: Database, token_id: str, now: datetime) -> bool:
    """Revoke a token from this moment on. False when there is no such token or it is revoked already."""
    with database.connect() as connection:
        changed = connection.execute(
            "UPDATE api_tokens SET revoked_at = %s WHERE token_id = %s AND revoked_at IS NULL", [now, token_id]
        )
        return changed.rowcount == 1


def listing(database: Database, username: str | None = None) -> list[TokenInfo]:
    """All tokens, newest first; those of one user when `username` is given."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT token_id, username, label, scopes, created_at, expires_at, revoked_at, last_used_at FROM api_tokens"
            " WHERE %(username)s::text IS NULL OR username = %(username)s ORDER BY created_at DESC, token_id",
            {"username": username},
        ).fetchall()
    return [TokenInfo(row[0], row[1], row[2], tuple(row[3]), *row[4:]) for row in rows]
