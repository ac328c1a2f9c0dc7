"""Tokens of sources: kept as hashes, several at once, revoked one by one or all together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.accounts import sources
from core.exceptions import BadSourceNameError, UnknownSourceError
from core.settings import get_settings
from core.storage.database import Database

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_token_is_valid_until_it_is_revoked_and_only_its_hash_is_stored(database: Database) -> None:
    token = sources.issue(database, "chat-service", NOW)
    assert token.startswith("ras_")
    assert sources.valid(database) == {sources.hashed(token): "chat-service"}
    with database.borrow() as connection:
        kept = connection.execute("SELECT row_to_json(t)::text FROM source_tokens t").fetchone()
    assert kept is not None
    assert token not in kept[0]
    (listed,) = sources.listing(database)
    assert sources.revoke(database, listed.token_id, NOW) == [listed.token_id]
    assert sources.valid(database) == {}
    assert sources.revoke(database, listed.token_id, NOW) == []


def test_a_new_token_takes_over_before_the_old_one_goes(database: Database) -> None:
    old = sources.issue(database, "relay", NOW)
    new = sources.issue(database, "relay", NOW + timedelta(days=1))
    newest, oldest = sources.listing(database)
    sources.revoke(database, oldest.token_id, NOW + timedelta(days=2))
    assert sources.valid(database) == {sources.hashed(new): "relay"}
    assert sources.hashed(old) not in sources.valid(database)
    assert newest.revoked_at is None


def test_a_name_revokes_every_token_of_the_source_and_no_other(database: Database) -> None:
    for name in ("one", "one", "other"):
        sources.issue(database, name, NOW)
    assert len(sources.revoke(database, "one", NOW)) == 2
    assert set(sources.valid(database).values()) == {"other"}


def test_the_last_use_is_noted(database: Database) -> None:
    token = sources.issue(database, "one", NOW)
    sources.note_use(database, [sources.hashed(token)], NOW + timedelta(hours=1))
    assert [each.last_used_at for each in sources.listing(database)] == [NOW + timedelta(hours=1)]


@pytest.mark.parametrize("name", ["", "Upper", "-x", "a b", "a" * 64, "a/b", "é"])
def test_a_name_that_could_be_mistaken_is_refused(database: Database, name: str) -> None:
    with pytest.raises(BadSourceNameError):
        sources.issue(database, name, NOW)


def test_the_commands_create_list_and_revoke(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    get_settings.cache_clear()
    run = CliRunner()
    try:
        created = run.invoke(app, ["source", "create", "chat"])
        assert created.exit_code == 0
        token = created.stdout.strip()
        assert sources.valid(database) == {sources.hashed(token): "chat"}
        assert "chat" in run.invoke(app, ["source", "list"]).stdout
        assert run.invoke(app, ["source", "revoke", "chat"]).exit_code == 0
        assert sources.valid(database) == {}
        assert isinstance(run.invoke(app, ["source", "revoke", "chat"]).exception, UnknownSourceError)
    finally:
        get_settings.cache_clear()
