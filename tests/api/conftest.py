"""The API on a real database: one of the test's own, and one with a history for whoever only reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from core.accounts import tokens, users
from core.logs import configure_logs
from core.settings import Settings
from core.storage.database import Database
from tests.api.served import Served, serve
from tests.support import servers


@pytest.fixture(autouse=True)
def logs() -> None:
    """Log lines as the process writes them."""
    configure_logs("info", "api")


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(create_app(database, Settings(_env_file=None)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def token(database: Database) -> str:
    users.ensure_admin(database, datetime.now(UTC))
    return tokens.issue(database, "admin", datetime.now(UTC))


@pytest.fixture(scope="module")
def served(server_dsn: str) -> Iterator[Served]:
    """The API over a history, with a token of every role."""
    with servers.fresh_database(server_dsn) as database, serve(database) as made:
        yield made
