"""Users, their passwords and roles."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from streamlit_authenticator.utilities.hasher import Hasher

from core.accounts import passwords, sessions, tokens, users
from core.accounts.signin import sign_in
from core.exceptions import BadParameterError, InvalidTokenError, UnknownUserError, WrongPasswordError
from core.storage.database import Database

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
GOOD = "correct horse battery"


def stored_values(database: Database) -> str:
    """Everything that the account tables hold, as text."""
    tables = ("users", "sessions", "login_tickets", "login_attempts", "settings_store")
    with database.borrow() as connection:
        return "\n".join(
            str(row)
            for table in tables
            for row in connection.execute(f"SELECT row_to_json(t)::text FROM {table} t").fetchall()
        )


def test_first_run_makes_an_admin_with_a_random_password_told_once(database: Database) -> None:
    password = users.ensure_admin(database, NOW)
    assert password is not None
    assert len(password) >= 20
    assert sign_in(database, "admin", password, "::1", NOW).role == "admin"
    assert users.ensure_admin(database, NOW) is None
    assert password not in stored_values(database)


def test_two_first_runs_at_once_make_one_admin(database: Database) -> None:
    told: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: told.append(users.ensure_admin(Database(database.dsn), NOW))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([password for password in told if password]) == 1
    assert len(told) == 4


def test_no_admin_is_made_where_there_are_users_already(database: Database) -> None:
    users.add(database, "ben", GOOD, NOW, role="business")
    assert users.ensure_admin(database, NOW) is None
    assert users.get(database, "admin") is None


def test_generated_passwords_differ() -> None:
    assert len({passwords.generate_password() for _ in range(50)}) == 50


def test_the_hash_is_what_streamlit_authenticator_reads() -> None:
    hashed = passwords.hash_password(GOOD)
    assert Hasher.is_hash(hashed)
    assert Hasher.check_pw(GOOD, hashed)
    assert not Hasher.check_pw(GOOD + "x", hashed)
    assert Hasher.is_hash(passwords.NOBODY)


@pytest.mark.parametrize("password", ["", "short", "ü" * 37])
def test_a_password_that_is_too_short_or_would_be_cut_is_refused(password: str) -> None:
    with pytest.raises(BadParameterError):
        passwords.hash_password(password)


def test_a_longer_password_does_not_match_by_its_first_72_bytes() -> None:
    assert not passwords.check_password("x" * 73, passwords.hash_password("x" * 72))


def test_names_are_the_same_in_any_case(database: Database) -> None:
    users.add(database, " Ada ", GOOD, NOW)
    assert sign_in(database, "ADA", GOOD, "::1", NOW).username == "ada"
    with pytest.raises(BadParameterError):
        users.add(database, "aDa", GOOD, NOW)


def test_a_client_is_tied_to_a_client_id_and_nobody_else_is(database: Database) -> None:
    ada = users.add(database, "ada", GOOD, NOW, role="client", client_id="key:acme")
    assert ada.scope == "client:key:acme"
    with pytest.raises(BadParameterError):
        users.add(database, "eve", GOOD, NOW, role="client")
    with pytest.raises(BadParameterError):
        users.add(database, "eve", GOOD, NOW, role="admin", client_id="key:acme")


def test_a_new_password_ends_sessions_and_replaces_the_old_one(database: Database) -> None:
    users.add(database, "ada", GOOD, NOW)
    session = sessions.start(database, "ada", NOW, timedelta(days=1))
    users.set_password(database, "ada", "another password")
    assert sessions.user_of(database, session, NOW) is None
    with pytest.raises(WrongPasswordError):
        sign_in(database, "ada", GOOD, "::1", NOW)
    assert sign_in(database, "ada", "another password", "::1", NOW).username == "ada"


def test_who_is_not_active_can_neither_sign_in_nor_go_on(database: Database) -> None:
    users.add(database, "ada", GOOD, NOW)
    session = sessions.start(database, "ada", NOW, timedelta(days=1))
    users.set_active(database, "ada", False)
    assert sessions.user_of(database, session, NOW) is None
    with pytest.raises(WrongPasswordError):
        sign_in(database, "ada", GOOD, "::1", NOW)


def test_removing_a_user_ends_sessions_and_api_tokens(database: Database) -> None:
    users.add(database, "ada", GOOD, NOW)
    session = sessions.start(database, "ada", NOW, timedelta(days=1))
    token = tokens.issue(database, "ada", NOW)
    users.remove(database, "ada")
    assert sessions.user_of(database, session, NOW) is None
    with pytest.raises(InvalidTokenError):
        tokens.authenticate(database, token, NOW)
    with pytest.raises(UnknownUserError):
        users.remove(database, "ada")
    with pytest.raises(UnknownUserError):
        users.set_password(database, "ada", GOOD)
