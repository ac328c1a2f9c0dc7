"""The API on a real database, with a user and a token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from core.accounts import tokens, users
from core.settings import Settings
from core.storage.database import Database


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(create_app(database, Settings(_env_file=None)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def token(database: Database) -> str:
    users.ensure_admin(database, datetime.now(UTC))
    return tokens.issue(database, "admin", datetime.now(UTC))
