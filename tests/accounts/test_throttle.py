"""Guessing passwords becomes slow, and stays possible to recover from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.accounts import throttle, users
from core.accounts.passwords import NOBODY
from core.accounts.signin import sign_in
from core.exceptions import TooManyAttemptsError, WrongPasswordError
from core.storage.database import Database
from tests.accounts.test_users import GOOD, NOW, stored_values

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def ada(database: Database) -> users.User:
    return users.add(database, "ada", GOOD, NOW)


def cheap(password: str, password_hash: str) -> bool:
    """Stands in for bcrypt, whose slowness these tests need not pay for: right for ada's password only."""
    return password == GOOD and password_hash != NOBODY


def fail(database: Database, name: str = "ada", address: str = "203.0.113.9", at: timedelta = timedelta()) -> None:
    with pytest.raises(WrongPasswordError):
        sign_in(database, name, "wrong password", address, NOW + at, check=cheap)


def test_after_five_failures_even_the_right_password_has_to_wait(database: Database) -> None:
    for _ in range(5):
        fail(database)
    with pytest.raises(TooManyAttemptsError) as refused:
        sign_in(database, "ada", GOOD, "198.51.100.7", NOW, check=cheap)
    assert refused.value.wait == 2 * SECOND
    assert sign_in(database, "ADA ", GOOD, "198.51.100.7", NOW + 2 * SECOND, check=cheap).username == "ada"


def test_each_further_failure_doubles_the_wait_up_to_five_minutes() -> None:
    waits = [throttle.wait(failures, 5).total_seconds() for failures in range(4, 16)]
    assert waits == [0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_failures_fade(database: Database) -> None:
    assert throttle.faded(8, timedelta()) == 8
    assert throttle.faded(8, timedelta(minutes=10)) == 4
    assert throttle.faded(8, timedelta(minutes=40)) == 0
    for _ in range(5):
        fail(database)
    later = timedelta(hours=1)
    for second in range(4):
        fail(database, at=later + second * SECOND)
    assert sign_in(database, "ada", GOOD, "203.0.113.9", NOW + later + 5 * SECOND, check=cheap)


def test_success_forgets_the_failures_of_the_name(database: Database) -> None:
    for _ in range(3):
        for _ in range(4):
            fail(database)
        sign_in(database, "ada", GOOD, "203.0.113.9", NOW, check=cheap)


def test_an_address_that_tries_many_names_is_slowed_and_others_are_not(database: Database) -> None:
    for number in range(throttle.FREE_BY_ADDRESS):
        fail(database, f"user{number}")
    with pytest.raises(TooManyAttemptsError):
        sign_in(database, "ada", GOOD, "203.0.113.9", NOW, check=cheap)
    assert sign_in(database, "ada", GOOD, "203.0.113.10", NOW, check=cheap)


def test_success_does_not_reset_the_address(database: Database) -> None:
    for number in range(20):
        fail(database, f"user{number}")
        if number < 19:
            sign_in(database, "ada", GOOD, "203.0.113.9", NOW, check=cheap)
    with pytest.raises(TooManyAttemptsError):
        sign_in(database, "ada", GOOD, "203.0.113.9", NOW, check=cheap)


def test_one_ipv6_network_is_one_address(database: Database) -> None:
    for number in range(20):
        fail(database, f"user{number}", f"2001:db8:1:2::{number:x}")
    with pytest.raises(TooManyAttemptsError):
        sign_in(database, "ada", GOOD, "2001:db8:1:2:ffff::1", NOW, check=cheap)
    assert sign_in(database, "ada", GOOD, "2001:db8:1:3::1", NOW, check=cheap)


def test_unknown_names_are_throttled_and_worded_like_known_ones(database: Database) -> None:
    for name in ("ada", "nobody"):
        for _ in range(5):
            with pytest.raises(WrongPasswordError, match="Wrong user name or password"):
                sign_in(database, name, "wrong password", f"203.0.113.{len(name)}", NOW, check=cheap)
        with pytest.raises(TooManyAttemptsError):
            sign_in(database, name, "wrong password", f"203.0.113.{len(name)}", NOW, check=cheap)


def test_unknown_names_cost_one_password_check_too(database: Database) -> None:
    hashes: list[str] = []

    def noting(_: str, password_hash: str) -> bool:
        hashes.append(password_hash)
        return True  # even a check that says yes lets no unknown name in

    with pytest.raises(WrongPasswordError):
        sign_in(database, "nobody", GOOD, "::1", NOW, check=noting)
    sign_in(database, "ada", GOOD, "::1", NOW, check=noting)
    assert hashes[0] == NOBODY
    assert [each[:7] for each in hashes] == ["$2b$12$"] * 2  # the same cost


def test_guesses_at_the_same_time_count_before_they_are_checked(database: Database) -> None:
    def nested(password: str, password_hash: str) -> bool:
        """A second guess starts while the first is still being checked, and so on."""
        sign_in(database, "ada", password, "203.0.113.9", NOW, check=nested)
        return cheap(password, password_hash)

    with pytest.raises(TooManyAttemptsError):
        sign_in(database, "ada", "wrong password", "203.0.113.9", NOW, check=nested)


def test_neither_name_nor_address_is_stored(database: Database) -> None:
    fail(database, "somebody", "203.0.113.77")
    everything = stored_values(database)
    assert "somebody" not in everything
    assert "203.0.113.77" not in everything


def test_the_sentence_says_how_long() -> None:
    assert str(TooManyAttemptsError(timedelta(seconds=3.2))) == "Too many failed attempts. Try again in 4 s."
