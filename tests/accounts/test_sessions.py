"""Sessions and one-time tickets."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta

import pytest

from core.accounts import sessions, tickets, users
from core.storage.database import Database
from tests.accounts.test_users import GOOD, NOW, stored_values

DAY = timedelta(days=1)


@pytest.fixture
def ada(database: Database) -> users.User:
    return users.add(database, "ada", GOOD, NOW, role="analyst")


def test_a_session_names_its_user_until_it_expires(database: Database, ada: users.User) -> None:
    token = sessions.start(database, "ada", NOW, DAY)
    assert sessions.user_of(database, token, NOW) == ada
    assert sessions.user_of(database, token, NOW + DAY - timedelta(seconds=1)) == ada
    assert sessions.user_of(database, token, NOW + DAY) is None


@pytest.mark.usefixtures("ada")
def test_only_the_hash_of_a_session_is_stored(database: Database) -> None:
    token = sessions.start(database, "ada", NOW, DAY)
    ticket = tickets.issue(database, "sign-in", "ada", NOW)
    everything = stored_values(database)
    assert token not in everything
    assert ticket not in everything
    assert hashlib.sha256(token.encode()).hexdigest() in everything


@pytest.mark.usefixtures("ada")
def test_ending_a_session_leaves_the_others(database: Database) -> None:
    first, second = (sessions.start(database, "ada", NOW, DAY) for _ in range(2))
    sessions.end(database, sessions.token_hash(first))
    assert sessions.user_of(database, first, NOW) is None
    assert sessions.user_of(database, second, NOW) is not None
    assert sessions.end_all(database, "Ada") == 1
    assert sessions.user_of(database, second, NOW) is None


@pytest.mark.parametrize("token", [None, "", "x", "ü\u0000"])
def test_a_made_up_cookie_is_nobody(database: Database, token: str | None) -> None:
    assert sessions.user_of(database, token, NOW) is None


@pytest.mark.usefixtures("ada")
def test_a_new_role_acts_at_once(database: Database) -> None:
    token = sessions.start(database, "ada", NOW, DAY)
    with database.borrow() as connection:
        connection.execute("UPDATE users SET role = 'business' WHERE username = 'ada'")
    user = sessions.user_of(database, token, NOW)
    assert user is not None
    assert user.role == "business"


@pytest.mark.usefixtures("ada")
def test_last_use_is_kept_to_the_minute(database: Database) -> None:
    token = sessions.start(database, "ada", NOW, DAY)

    def last_use() -> datetime:
        with database.borrow() as connection:
            row = connection.execute("SELECT last_used_at FROM sessions").fetchone()
        assert row is not None
        moment: datetime = row[0]
        return moment

    sessions.user_of(database, token, NOW + timedelta(seconds=59))
    assert last_use() == NOW
    sessions.user_of(database, token, NOW + timedelta(seconds=60))
    assert last_use() == NOW + timedelta(seconds=60)


def test_a_ticket_is_good_once(database: Database) -> None:
    ticket = tickets.issue(database, "sign-in", "ada", NOW)
    assert tickets.redeem(database, "sign-in", ticket, NOW) == "ada"
    assert tickets.redeem(database, "sign-in", ticket, NOW) is None


def test_a_ticket_is_good_for_thirty_seconds(database: Database) -> None:
    early, late = (tickets.issue(database, "sign-in", "ada", NOW) for _ in range(2))
    assert tickets.redeem(database, "sign-in", early, NOW + timedelta(seconds=29.9)) == "ada"
    assert tickets.redeem(database, "sign-in", late, NOW + timedelta(seconds=30)) is None


def test_a_ticket_is_good_for_its_action_only_and_spent_by_a_wrong_one(database: Database) -> None:
    ticket = tickets.issue(database, "sign-out", "00ff", NOW)
    assert tickets.redeem(database, "sign-in", ticket, NOW) is None
    assert tickets.redeem(database, "sign-out", ticket, NOW) is None


def test_a_ticket_used_twice_at_once_is_good_for_one(database: Database) -> None:
    ticket = tickets.issue(database, "sign-in", "ada", datetime.now(UTC))
    got: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: got.append(tickets.redeem(database, "sign-in", ticket, datetime.now(UTC))))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=str) == [None, None, None, None, "ada"]
