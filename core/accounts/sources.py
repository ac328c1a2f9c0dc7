"""Sources: who may hand batches of events to the collector. A token each (`ras_…`), stored only as a hash, revocable.

A source may have several tokens at once, so that a new one can take over before the old one is revoked.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.exceptions import BadSourceNameError
from core.storage.database import Database

PREFIX = "ras_"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True)
class SourceToken:
    """What is known of a source's token, without the token itself."""

    token_id: str
    source: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


def hashed(token: str) -> bytes:
    """What is kept of a token. It is random and long, so a plain hash of it cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def issue(database: Database, source: str, now: datetime) -> str:
    """Create a token for a source and return it; it cannot be shown again. Raises BadSourceNameError."""
    if not NAME.fullmatch(source):
        raise BadSourceNameError
    token = PREFIX + secrets.token_urlsafe(32)
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO source_tokens (token_id, token_hash, source, created_at) VALUES (%s, %s, %s, %s)",
            [secrets.token_hex(4), hashed(token), source, now],
        )
    return token


def revoke(database: Database, name: str, now: datetime) -> list[str]:
    """Revoke one token by its id, or every token of a source by its name; returns the ids of those that were valid."""
    with database.connect() as connection:
        rows = connection.execute(
            "UPDATE source_tokens SET revoked_at = %(now)s"
            " WHERE (token_id = %(name)s OR source = %(name)s) AND revoked_at IS NULL RETURNING token_id",
            {"name": name, "now": now},
        ).fetchall()
    return [row[0] for row in rows]


def listing(database: Database) -> list[SourceToken]:
    """All tokens by source, newest first."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT token_id, source, created_at, revoked_at, last_used_at FROM source_tokens"
            " ORDER BY source, created_at DESC, token_id"
        ).fetchall()
    return [SourceToken(*row) for row in rows]


def valid(database: Database) -> dict[bytes, str]:
    """The hashes of all tokens that are not revoked, and whose they are. Raises DatabaseUnavailableError."""
    with database.connect(autocommit=True) as connection:
        return dict(
            connection.execute("SELECT token_hash, source FROM source_tokens WHERE revoked_at IS NULL").fetchall()
        )


def note_use(database: Database, hashes: Iterable[bytes], now: datetime) -> None:
    """Record that these tokens were used."""
    with database.connect(autocommit=True) as connection:
        connection.execute("UPDATE source_tokens SET last_used_at = %s WHERE token_hash = ANY(%s)", [now, list(hashes)])
