"""Dashboard sessions: a random token in the visitor's cookie, of which the database keeps only the SHA-256.

The user is read with the session each time, so that signing out, removal and a new role act at once, in every tab.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

import psycopg

from core.accounts.users import User, normal
from core.storage.database import Database

LAST_USE_RESOLUTION = timedelta(minutes=1)
"""`last_used_at` is written at most this often: a live page asks every two seconds."""


def token_hash(token: str) -> bytes:
    """What is stored of a session's token."""
    return hashlib.sha256(token.encode()).digest()


def start(database: Database, username: str, now: datetime, lifetime: timedelta) -> str:
    """Open a session of `username` and return its token, which exists nowhere else. Drops expired sessions."""
    token = secrets.token_urlsafe(32)
    with database.borrow() as connection:
        clean(connection, now)
        connection.execute(
            "INSERT INTO sessions (token_hash, username, created_at, expires_at, last_used_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [token_hash(token), normal(username), now, now + lifetime, now],
        )
    return token


def clean(connection: psycopg.Connection[Any], now: datetime) -> int:
    """Remove the sessions that have expired; returns how many."""
    return connection.execute("DELETE FROM sessions WHERE expires_at <= %s", [now]).rowcount


def user_of(database: Database, token: str | None, now: datetime) -> User | None:
    """The active user behind a session's token; None when it is unknown, ended or expired."""
    if not token:
        return None
    with database.borrow() as connection:
        row = connection.execute(
            "SELECT u.username, u.name, u.role, u.client_id, u.active, s.last_used_at"
            " FROM sessions s JOIN users u USING (username)"
            " WHERE s.token_hash = %s AND s.expires_at > %s AND u.active",
            [token_hash(token), now],
        ).fetchone()
        if row is None:
            return None
        *user, last_used_at = row
        if now - last_used_at >= LAST_USE_RESOLUTION:
            connection.execute("UPDATE sessions SET last_used_at = %s WHERE token_hash = %s", [now, token_hash(token)])
    return User(*user)


def end(database: Database, hashed: bytes) -> None:
    """End the session with this token hash; nothing happens when it has ended already."""
    with database.borrow() as connection:
        connection.execute("DELETE FROM sessions WHERE token_hash = %s", [hashed])


def end_all(database: Database, username: str) -> int:
    """End every session of a user; returns how many there were."""
    with database.borrow() as connection:
        return connection.execute("DELETE FROM sessions WHERE username = %s", [normal(username)]).rowcount
