"""Administration: who may, and that nothing of it happens without an entry in the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core import audit
from core.accounts import administration, tokens, users
from core.accounts.users import User
from core.audit import Actor
from core.exceptions import (
    BadParameterError,
    InvalidTokenError,
    NotAllowedError,
    UnknownTokenError,
    UnknownUserError,
)
from core.storage.database import Database

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ADMIN = Actor("admin", "page")


def log(database: Database) -> list[tuple[str, str, object]]:
    """Who did what to which user or token, oldest first."""
    return [
        (entry.actor, entry.action, entry.details.get("user") or entry.details.get("token_id"))
        for entry in reversed(audit.entries(database))
    ]


def add(database: Database, name: str) -> User:
    return administration.add_user(database, ADMIN, name, "a long password", NOW, "analyst", None)


def test_only_an_admin_administers() -> None:
    assert administration.administrator(User("root", "Root", "admin", None, True)) == Actor("root", "page")
    for role, client in (("analyst", None), ("business", None), ("client", "x")):
        with pytest.raises(NotAllowedError, match="manage"):
            administration.administrator(User("someone", "", role, client, True))


def test_every_change_is_in_the_log(database: Database) -> None:
    add(database, "bob")
    administration.set_role(database, ADMIN, "bob", "client", "key:bob", NOW)
    administration.set_password(database, ADMIN, "bob", "another password", NOW)
    administration.set_active(database, ADMIN, "bob", False, NOW)
    administration.set_active(database, ADMIN, "bob", True, NOW)
    token = administration.create_token(database, ADMIN, "bob", NOW, label="his")
    (info,) = tokens.listing(database)
    administration.expire_token(database, ADMIN, info.token_id, NOW + timedelta(days=1), NOW)
    administration.revoke_token(database, ADMIN, info.token_id, NOW)
    administration.remove_user(database, ADMIN, "bob", NOW)
    assert log(database) == [
        ("admin", action, info.token_id if action in ("token.expire", "token.revoke") else "bob")
        for action in (
            "user.add", "user.role", "user.password", "user.active", "user.active", "token.create", "token.expire",
            "token.revoke", "user.remove",
        )
    ]  # fmt: skip
    with database.connect() as connection:
        rows = connection.execute("SELECT audit_log::text FROM audit_log").fetchall()
    assert not [row for row in rows if token in row[0] or "password" in row[0].replace("user.password", "")]


def test_what_was_refused_is_in_the_log_with_the_reason(database: Database) -> None:
    with pytest.raises(UnknownUserError):
        administration.create_token(database, ADMIN, "nobody", NOW)
    with pytest.raises(UnknownTokenError):
        administration.revoke_token(database, ADMIN, "ffffffff", NOW)
    with pytest.raises(BadParameterError):
        administration.create_token(database, ADMIN, "nobody", NOW, scopes=("everything",))
    actions = [entry.action for entry in reversed(audit.entries(database))]
    assert actions == [f"token.{name}{end}" for name in ("create", "revoke", "create") for end in ("", ".refused")]
    assert "nobody" in audit.entries(database, action="token.create.refused")[-1].details["refused"]


def test_a_token_expires_when_it_is_told_to(database: Database) -> None:
    add(database, "bob")
    token = administration.create_token(database, ADMIN, "bob", NOW, lifetime=None)
    (info,) = tokens.listing(database)
    assert tokens.authenticate(database, token, NOW + timedelta(days=9999)).username == "bob"
    administration.expire_token(database, ADMIN, info.token_id, NOW + timedelta(hours=1), NOW)
    assert tokens.authenticate(database, token, NOW + timedelta(minutes=59)).role == "analyst"
    with pytest.raises(InvalidTokenError):
        tokens.authenticate(database, token, NOW + timedelta(hours=1))
    (info,) = tokens.listing(database)
    assert (info.state(NOW), info.state(NOW + timedelta(hours=1))) == ("valid", "expired")


def test_a_signed_in_user_has_all_scopes(database: Database) -> None:
    assert set(users.add(database, "eve", "a long password", NOW).scopes) == {"read", "export", "admin"}


def test_the_log_is_read_newest_first_by_actor_action_and_request(database: Database) -> None:
    for number, who in enumerate(("a", "b", "a")):
        audit.record(database, Actor(who, "page", f"r{number}"), f"export.{number}", NOW, number=number)
    assert [entry.details["number"] for entry in audit.entries(database)] == [2, 1, 0]
    assert [entry.action for entry in audit.entries(database, actor="a")] == ["export.2", "export.0"]
    assert [entry.actor for entry in audit.entries(database, request_id="r1")] == ["b"]
    assert [entry.action for entry in audit.entries(database, action="export.", limit=1)] == ["export.2"]
    newest = audit.entries(database)[0].entry_id
    assert [entry.action for entry in audit.entries(database, before=newest)] == ["export.1", "export.0"]
