"""The dashboard on a database of the test's own. The one seam is the cookie: page tests have no browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.accounts import sessions, users
from core.accounts.passwords import NOBODY
from core.settings import ROOT, get_settings
from core.storage.database import Database
from dashboard import places

PAGES = sorted(path.name for path in (ROOT / "pages").glob("*.py"))

OpenApp = Callable[[str | None], AppTest]


@pytest.fixture
def settings_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """`database`, which the dashboard finds through the settings."""
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    get_settings.cache_clear()
    places.close_database()
    st.cache_data.clear()
    st.cache_resource.clear()
    yield database
    places.close_database()
    get_settings.cache_clear()


@pytest.fixture
def people(settings_database: Database) -> Database:
    """One user of each role, named like it; none has a password that anyone knows."""
    with settings_database.borrow() as connection:
        for role in users.ROLES:
            connection.execute(
                "INSERT INTO users (username, name, password_hash, role, client_id, active, created_at)"
                " VALUES (%s, %s, %s, %s, %s, true, now())",
                [role, role.title(), NOBODY, role, "address:1" if role == "client" else None],
            )
    return settings_database


@pytest.fixture
def app(people: Database, monkeypatch: pytest.MonkeyPatch) -> OpenApp:
    """`app("analyst")` is Home.py with that user's cookie, `app(None)` without one."""

    def make(username: str | None) -> AppTest:
        token = sessions.start(people, username, datetime.now(UTC), timedelta(days=1)) if username else None
        monkeypatch.setattr("dashboard.auth.cookie", lambda: token)
        return AppTest.from_file(str(ROOT / "Home.py"), default_timeout=30)

    return make
