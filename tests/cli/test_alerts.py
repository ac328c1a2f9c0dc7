"""`relay-analytics alerts`, as an operator runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from core.settings import get_settings
from core.storage.database import Database
from tests.alerts.conftest import World, only
from tests.alerts.test_evaluation import ERRORS


@pytest.fixture(autouse=True)
def configured(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("COLUMNS", "220")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ("alerts", *words))
    assert result.exit_code == code, result.output
    return result


def test_an_incident_is_listed_shown_and_acknowledged(world: World) -> None:
    assert run("list").output.strip() == "No open incidents."
    with only(ERRORS.model_copy(update={"severity": "critical"})):
        world.pass_(60, 10, outcome="rejected", error_code="blocked", client="loud")
        number = str(world.incidents[0].incident_id)
        assert "client loud" in run("list", code=1).output
        run("acknowledge", number)
    shown = run("show", number).output
    assert "Errors: client loud, code blocked (critical)" in shown
    assert "client loud: 100% of the change" in shown
    assert ", seen by " in shown


def test_rules_are_listed_tested_muted_and_switched_off() -> None:
    assert "were never looked at" in run("rules").output
    said = run("test", "disk").output
    assert "The disk is nearly full: Disk above 90% for 1 min" in said
    assert "Nothing is known of these days." in said
    assert "cannot be asked" in run("test", "answers-stopped").output
    run("mute", "disk", "--hours", "2")
    assert "muted" in run("rules").output
    run("off", "disk")
    assert "edited" in run("rules").output
    run("reset", "disk")
    assert "edited" not in run("rules").output
    assert "Nobody is told" in run("tell").output
