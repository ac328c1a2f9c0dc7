"""`relay-analytics user`, `token` and `audit`, as an operator runs them."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from core.accounts import tokens, users
from core.exceptions import BadParameterError, InvalidTokenError, UnknownTokenError
from core.settings import get_settings
from core.storage.database import Database


@pytest.fixture(autouse=True)
def configured(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result


def test_a_token_for_a_client_of_the_relay_from_its_user_to_its_end(database: Database) -> None:
    run("user", "add", "acme", "--role", "client", "--client-id", "key:acme", "--password", "a long password")
    assert "key:acme" in run("user", "list").output
    printed = run("token", "create", "--user", "acme", "--label", "billing", "--days", "30", "--scope", "read").output
    match = re.search(r"rat_\S+", printed)
    assert match is not None
    now = datetime.now(UTC)
    caller = tokens.authenticate(database, match[0], now)
    assert (caller.role, caller.client_id, caller.scopes) == ("client", "key:acme", ("read",))
    listed = run("token", "list").output
    assert "billing" in listed
    assert match[0] not in listed
    run("token", "expire", caller.token_id, "--days", "0")
    assert tokens.listing(database)[0].expires_at is None
    run("token", "revoke", caller.token_id)
    with pytest.raises(InvalidTokenError):
        tokens.authenticate(database, match[0], now)


def test_a_user_can_be_changed_disabled_and_removed(database: Database) -> None:
    run("user", "add", "bob", "--password", "a long password")
    run("user", "role", "bob", "business")
    run("user", "disable", "bob")
    found = users.get(database, "bob")
    assert found is not None
    assert (found.role, found.active) == ("business", False)
    run("user", "enable", "bob")
    run("user", "remove", "bob")
    assert users.get(database, "bob") is None


def test_all_of_it_is_in_the_audit_log_under_the_name_of_the_machines_user() -> None:
    run("user", "add", "bob", "--password", "a long password")
    run("token", "create", "--user", "bob")
    entries = [json.loads(line) for line in run("audit", "--json").output.splitlines()]
    assert [entry["action"] for entry in entries] == ["token.create", "user.add"]
    assert {(entry["actor"], entry["via"]) for entry in entries} == {(getpass.getuser(), "command")}
    assert "token.create" in run("audit", "--action", "token.").output
    assert "user.add" not in run("audit", "--action", "token.").output


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("token", "revoke", "ffffffff"), UnknownTokenError),
        (("user", "add", "x", "--role", "client", "--password", "a long password"), BadParameterError),
        (("token", "create", "--scope", "everything"), BadParameterError),
    ],
)
def test_what_cannot_be_done_is_named(words: tuple[str, ...], error: type[Exception]) -> None:
    assert isinstance(CliRunner().invoke(app, words).exception, error)
