"""`relay-analytics verify`, as an operator runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.settings import get_settings
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event


@pytest.fixture
def stored(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    get_settings.cache_clear()
    with BatchWriter(database) as writer:
        writer.write([batch([event(NOON), event(NOON, "bob")])])
    fold(database, NOON)
    yield database
    get_settings.cache_clear()


def test_it_says_that_all_is_well(stored: Database) -> None:
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 0, result.output
    assert "equals the recount" in result.output


def test_it_names_what_differs_and_fails(stored: Database) -> None:
    with stored.borrow() as connection:
        connection.execute("UPDATE client_hour SET bytes_out = 7 WHERE client_no = 0")
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 1
    assert "client_hour" in result.output
    assert "bytes_out is 7 and should be 200" in result.output
    assert CliRunner().invoke(app, ["verify", "--start", "2026-03-11"]).exit_code == 0


def test_it_compares_the_busiest_minutes_of_hours(stored: Database) -> None:
    with stored.borrow() as connection:
        connection.execute("UPDATE traffic_hour_total SET busiest_minute = 7 WHERE event_type_id = -1")
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 1
    assert "traffic_hour_total" in result.output
    assert "busiest_minute is 7 and should be 600" in result.output


def test_a_range_that_ends_before_it_begins_is_refused(stored: Database) -> None:
    result = CliRunner().invoke(app, ["verify", "--start", "2026-03-11", "--end", "2026-03-10"])
    assert result.exit_code == 2
