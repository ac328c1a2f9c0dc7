"""The audit log: every export and every change to users, tokens and bills, with who did it and when.

Entries are only ever added. What is recorded is recorded before it is done: better an entry too many than one too few.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from core.exceptions import RelayAnalyticsError
from core.sql import load
from core.storage.database import Database


@dataclass(frozen=True)
class Actor:
    """Who acts: a name, how (`token 3f9a12cd`, `page`, `command`), and the request it belongs to."""

    name: str
    via: str
    request_id: str | None = None


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    entry_id: int
    at: datetime
    actor: str
    via: str
    action: str
    request_id: str | None
    details: dict[str, Any]


def operator() -> Actor:
    """Whoever runs a command on this machine."""
    return Actor(getpass.getuser(), "command")


def record(database: Database, actor: Actor, action: str, now: datetime, **details: Any) -> None:
    """Add an entry; `details` must be JSON values. Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        connection.execute(
            "INSERT INTO audit_log (at, actor, via, action, request_id, details) VALUES (%s, %s, %s, %s, %s, %s)",
            [now, actor.name, actor.via, action, actor.request_id, Jsonb(details)],
        )


@contextmanager
def recorded(database: Database, actor: Actor, action: str, now: datetime, **details: Any) -> Iterator[None]:
    """Record an action before it is done, and once more when it was refused."""
    record(database, actor, action, now, **details)
    try:
        yield
    except RelayAnalyticsError as error:
        record(database, actor, f"{action}.refused", now, **details, refused=str(error))
        raise


def entries(
    database: Database,
    *,
    before: int | None = None,
    actor: str | None = None,
    action: str | None = None,
    request_id: str | None = None,
    limit: int = 100,
) -> list[Entry]:
    """The newest entries first; `before`: only those with a smaller `entry_id`; `action`: its name or how it begins."""
    asked = {"before": before, "actor": actor, "action": action, "request_id": request_id, "limit": limit}
    with database.borrow() as connection:
        return [Entry(*row) for row in connection.execute(load("audit_entries"), asked).fetchall()]
