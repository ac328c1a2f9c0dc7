"""`relay-analytics retention` and `hold`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.settings import get_settings
from core.storage import partitions
from core.storage.database import Database
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event


@pytest.fixture(autouse=True)
def configured(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def said(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    return result.output + str(result.exception or "")


def test_a_day_is_announced_and_goes_but_for_a_held_client(database: Database) -> None:
    partitions.ensure_days(database, [NOON.date()])
    with BatchWriter(database) as writer:
        writer.write([batch([event(client="alice"), event(client="bob"), event(client="bob")])])
    assert said("hold", "place", "bob", "--why", "court order") == "Raw rows of bob are held.\n"
    announced = said("retention", "--dry-run")
    assert f"traffic_events_raw_{NOON:%Y%m%d}" in announced
    assert "3 rows" in announced
    assert "2 of them are held" in announced
    assert "3 of raw" in said("retention")  # a partition of each raw table
    assert said("retention").endswith("Nothing is due to go.\n")
    assert "court order" in said("hold", "list")
    assert said("hold", "release", "bob") == "bob is no longer held.\n"


def test_a_policy_is_changed() -> None:
    assert said("retention", "keep", "minutes", "30") == "minutes is kept 30 days.\n"
    assert said("retention", "keep", "minutes", "forever") == "minutes is kept for ever.\n"
    assert said("retention", "keep", "minutes", "default") == "minutes is kept for ever.\n"
    assert "no number of days" in said("retention", "keep", "minutes", "soon")
