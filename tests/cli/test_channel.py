"""`relay-analytics channel`, as an operator runs it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from nostr_sdk import Keys
from typer.testing import CliRunner, Result

from cli.main import app
from core.exceptions import BadParameterError
from core.settings import get_settings
from core.storage.database import Database


@pytest.fixture(autouse=True)
def configured(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DELIVERY_DIR", str(tmp_path / "delivered"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result


def test_a_channel_from_its_making_to_its_end(tmp_path: Path) -> None:
    run("channel", "add", "books", "directory", "monthly")
    assert "monthly" in run("channel", "list").output
    assert "Delivered: wrote" in run("channel", "test", "books").output
    assert len(list((tmp_path / "delivered" / "monthly").iterdir())) == 1
    run("channel", "change", "books", "--address", "weekly")
    run("channel", "test", "books")
    assert len(list((tmp_path / "delivered" / "weekly").iterdir())) == 1
    run("channel", "remove", "books")
    assert "books" not in run("channel", "list").output


def test_the_secret_of_a_webhook_is_printed_once() -> None:
    secret = run("channel", "add", "hook", "webhook", "https://example.org/x?token=abc").stdout.strip()
    assert secret.startswith("whsec_")
    listed = run("channel", "list").output
    assert "https://example.org/…" in listed
    assert secret not in listed
    renewed = run("channel", "change", "hook", "--new-secret").stdout.strip()
    assert renewed.startswith("whsec_")
    assert renewed != secret
    assert run("channel", "change", "hook", "--address", "https://example.net/x").stdout == ""


def test_a_key_is_made_for_its_owner_alone_and_never_over_another(tmp_path: Path) -> None:
    file = tmp_path / "nostr.key"
    printed = run("channel", "key", str(file)).output
    assert Keys.parse(file.read_text().strip()).public_key().to_bech32() in printed
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    failed = CliRunner().invoke(app, ["channel", "key", str(file)])
    assert isinstance(failed.exception, BadParameterError)
    assert file.read_text() == before
