"""One-time tickets: they carry a checked sign-in (or a sign-out) from the page to the HTTP route that sets the cookie.

A ticket is good for one use within thirty seconds and for the action it was issued for; only its hash is stored.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg

from core.storage.database import Database

LIFETIME = timedelta(seconds=30)
Action = Literal["sign-in", "sign-out"]


def issue(database: Database, action: Action, subject: str, now: datetime) -> str:
    """A ticket for `action` on `subject`: a user name, or the hex hash of a session's token."""
    ticket = secrets.token_urlsafe(24)
    with database.borrow() as connection:
        clean(connection, now)
        connection.execute(
            "INSERT INTO login_tickets (ticket_hash, action, subject, expires_at) VALUES (%s, %s, %s, %s)",
            [_hash(ticket), action, subject, now + LIFETIME],
        )
    return ticket


def clean(connection: psycopg.Connection[Any], now: datetime) -> int:
    """Remove the tickets that have expired; returns how many."""
    return connection.execute("DELETE FROM login_tickets WHERE expires_at <= %s", [now]).rowcount


def redeem(database: Database, action: Action, ticket: str, now: datetime) -> str | None:
    """Use up a ticket and return its subject; None when it is unknown, used, expired or for another action."""
    with database.borrow() as connection:
        row = connection.execute(
            "DELETE FROM login_tickets WHERE ticket_hash = %s RETURNING action, subject, expires_at", [_hash(ticket)]
        ).fetchone()
    if row is None or row[0] != action or row[2] <= now:
        return None
    return str(row[1])


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
