"""`relay-analytics annotate` and `annotations`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from core import annotations as noted
from core.settings import get_settings
from core.storage.database import Database


@pytest.fixture(autouse=True)
def configured(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("TIME_ZONE", "Europe/Berlin")
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_a_time_is_in_the_reporting_zone_unless_it_says_otherwise(database: Database) -> None:
    assert run("annotate", "deployed", "--at", "2026-07-01T12:00", "--kind", "deploy").exit_code == 0
    assert run("annotate", "noted", "--at", "2026-07-01T12:00+00:00").exit_code == 0
    found = noted.listing(database, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC))
    assert [(one.text, one.at.hour) for one in found] == [("deployed", 10), ("noted", 12)]


def test_it_is_listed_and_removed() -> None:
    assert run("annotate", "strfry 1.1 deployed").output.startswith("Annotation 1 at ")
    assert "strfry 1.1 deployed" in run("annotations", "list").output
    assert run("annotations", "remove", "1").output == "Annotation 1 is removed.\n"
    assert "strfry" not in run("annotations", "list").output


def test_a_day_is_no_time() -> None:
    assert "has no time" in str(run("annotate", "x", "--at", "2026-07-01").exception)
