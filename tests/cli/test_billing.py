"""`relay-analytics billing`, as an operator runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from core.exceptions import BadParameterError, PeriodClosedError, UnknownPeriodError
from core.settings import get_settings
from core.storage.database import Database
from tests.billing import history
from tests.reports import oracle

GB = 10**9
MARCH = ("--month", "2026-03")


@pytest.fixture
def stored(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("TARIFF", history.TARIFF.source)
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    oracle.store(database, [history.at(5, bytes_out=90 * GB), history.at(6, client="bob", bytes_out=GB)])
    yield database
    get_settings.cache_clear()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["billing", *words])


def test_it_shows_the_bills_of_a_month(stored: Database) -> None:
    shown = run("show", *MARCH)
    assert shown.exit_code == 0, shown.output
    assert "2026-03-01 00:00 to 2026-04-01 00:00 UTC, open" in shown.output
    assert re.search(r"alice.*9\.50 EUR", shown.output)
    assert re.search(r"usage.*14\.55 EUR", shown.output)
    assert "bob" not in run("show", *MARCH, "--client", "alice").output


def test_closing_adjusting_crediting_and_checking(stored: Database) -> None:
    closed = run("close", *MARCH)
    assert closed.exit_code == 0, closed.output
    assert "Period 1 is closed: 2026-03-01 00:00 to 2026-04-01 00:00 UTC, 2 clients." in closed.output
    checksum = re.search(r"[0-9a-f]{64}", closed.output)
    assert checksum is not None
    assert "nothing to adjust" in run("adjust", *MARCH).output
    oracle.store(stored, [history.at(7, bytes_out=20 * GB)], 2)
    assert "Adjustment 1 of period 1: 1 clients." in run("adjust", *MARCH, "--reason", "late import").output
    given = run("adjust", *MARCH, "--client", "bob", "--amount", "1.50", "--reason", "outage")
    assert "Adjustment 2 of period 1" in given.output, given.output
    shown = run("show", *MARCH).output
    assert "closed" in shown
    assert "late import" in shown
    assert re.search(r"bob.*-1\.50 EUR", shown)
    checked = run("check")
    assert checked.exit_code == 0, checked.output
    assert checksum[0] in checked.output
    assert "Everything frozen is as it was." in checked.output


def test_the_check_fails_when_something_was_changed(stored: Database) -> None:
    run("close", *MARCH)
    with stored.borrow() as connection:
        connection.execute("UPDATE billing_lines SET cost_out = 0 WHERE client_id = 'bob'")
    checked = run("check")
    assert checked.exit_code == 1
    assert "period 1, bob: the line is not as it was frozen" in checked.output


def test_what_is_wrong_is_said(stored: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(run("adjust", *MARCH).exception, UnknownPeriodError)
    run("close", *MARCH)
    assert isinstance(run("close", *MARCH).exception, PeriodClosedError)
    half = run("adjust", *MARCH, "--client", "bob")
    assert isinstance(half.exception, BadParameterError)
    assert "--amount" in str(half.exception)


def test_closing_without_a_tariff_has_to_be_meant(stored: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TARIFF")
    get_settings.cache_clear()
    refused = run("close", *MARCH)
    assert isinstance(refused.exception, BadParameterError)
    assert "--usage-only" in str(refused.exception)
    assert run("close", *MARCH, "--usage-only").exit_code == 0


def test_the_zone_of_the_settings_is_the_default(stored: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIME_ZONE", "Europe/Berlin")
    get_settings.cache_clear()
    assert "to 2026-04-01 00:00 Europe/Berlin" in run("close", *MARCH).output
