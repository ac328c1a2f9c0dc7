"""History in the database: once, and only in the demo's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.storage.connections import Database
from ingest.demo.history import NotTheDemoError, fill

UNTIL = datetime(2026, 11, 24, 9, 20, 30, tzinfo=UTC)


def count(database: Database) -> tuple[int, int]:
    with database.connect() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM traffic_events_raw), (SELECT count(*) FROM quarantine)"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_history_is_stored_once_and_nothing_is_refused(database: Database) -> None:
    with Database(database.dsn, demo=True) as demo:
        stored = fill(demo, UNTIL, days=3, messages=2000)
        assert count(demo) == (stored, 0)
        assert fill(demo, UNTIL, days=3, messages=2000) == 0
        assert count(demo) == (stored, 0)
        later = fill(demo, UNTIL + timedelta(hours=2), days=3, messages=2000)
        assert later > 0
        assert count(demo) == (stored + later, 0)


def test_a_real_database_gets_no_invented_history(database: Database) -> None:
    with pytest.raises(NotTheDemoError):
        fill(database, UNTIL, days=1, messages=10)
    assert count(database) == (0, 0)
