"""An API over a history of two clients, with users and tokens of every role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from api.app import create_app
from core.accounts import tokens, users
from core.accounts.users import ROLES
from core.permissions import SCOPES
from core.records import Batch, Connection, Event
from core.settings import Settings
from core.storage.database import Database
from core.storage.writer import BatchWriter
from tests.support.traffic import micro, samples

OWN, OTHER = "address:own", "address:other"
"""The client whose user has a token, and another one."""
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 7
RANGE: dict[str, Any] = {"start_date": "2024-01-01", "end_date": "2024-01-07"}
PREFIX = "/api/v1/analytics"


@dataclass
class Served:
    app: FastAPI
    client: TestClient
    database: Database
    tokens: dict[str, str]

    def get(self, path: str, role: str = "admin", headers: dict[str, str] | None = None, **query: Any) -> Response:
        """GET `path` below the prefix, as `role`."""
        sent = {"Authorization": f"Bearer {self.tokens[role]}", **(headers or {})}
        found: Response = self.client.get(f"{PREFIX}{path}", params=query, headers=sent)
        return found


@contextmanager
def serve(database: Database, **settings: Any) -> Iterator[Served]:
    """The API over `history`. Rates are not limited unless `settings` say so."""
    history(database)
    options = {"api_rate_limit": "off", **settings}
    app = create_app(database, Settings(_env_file=None, **options))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Served(app, client, database, everyone(database))


def everyone(database: Database) -> dict[str, str]:
    """A user of every role, and a token of each with all scopes."""
    now = datetime.now(UTC)
    for role in ROLES:
        users.add(
            database, role, "a long password", now, role=role,  # type: ignore[arg-type]
            client_id=OWN if role == "client" else None,
        )  # fmt: skip
    return {role: tokens.issue(database, role, now, scopes=SCOPES) for role in ROLES}


def history(database: Database) -> None:
    """A week of both clients in January 2024, and some minutes up to now."""
    now = datetime.now(UTC)
    events = [
        event
        for day in range(DAYS)
        for place, client in enumerate((OWN, OTHER, OTHER))
        for event in messages(FIRST_DAY + timedelta(days=day, hours=1 + 7 * place), client)
    ]
    events += messages(now - timedelta(seconds=30), OWN) + messages(now - timedelta(seconds=20), OTHER)
    at = micro(FIRST_DAY + timedelta(days=2))
    ended = [Connection(1, OWN, "address", at, at + 90_000_000, 1000, None, 900, 2000, 3)]
    with BatchWriter(database) as writer:
        writer.write([Batch("tap:served", 1, "relay.example", events, [], ended, samples(now))])


def messages(at: datetime, client: str) -> list[Event]:
    """A message of each kind that matters: answered, refused, not answered."""
    first = micro(at)
    reason = {"reason": f"to {client}"}
    size: dict[str, Any] = {"bytes_in": 200, "bytes_out": 900, "payload_in": 190, "payload_out": 880}
    return [
        Event(first, client, "REQ", "ok", None, 12.5, 4.0, events_out=3, app="Damus", **size),
        Event(first + 1_000, client, "EVENT", "ok", None, 3.25, kind=1, event_id=bytes(32), **size),
        Event(first + 2_000, client, "EVENT", "rejected", "rate-limited", 1.5, kind=7, metadata=reason, **size),
        Event(first + 3_000, client, "COUNT", "unanswered", "unanswered", **size),
    ]  # fmt: skip
