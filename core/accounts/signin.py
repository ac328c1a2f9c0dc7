"""Signing in with a name and a password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from core.accounts import throttle, users
from core.accounts.passwords import NOBODY, check_password
from core.accounts.users import User
from core.exceptions import TooManyAttemptsError, WrongPasswordError
from core.storage.database import Database


def sign_in(
    database: Database,
    username: str,
    password: str,
    address: str,
    now: datetime,
    *,
    check: Callable[[str, str], bool] = check_password,
) -> User:
    """The active user with this name and password. `address` is where the attempt comes from.

    Raises TooManyAttemptsError (with the time to wait), and WrongPasswordError for a wrong name, a wrong password and
    a user who may not sign in, which cannot be told apart, not even by the time they take.
    """
    username = users.normal(username)
    delay = throttle.attempt(database, username, address, now)
    if delay > timedelta():
        raise TooManyAttemptsError(delay)
    with database.borrow() as connection:
        row = connection.execute(
            "SELECT password_hash FROM users WHERE username = %s AND active", [username]
        ).fetchone()
    matches = check(password, row[0] if row else NOBODY)
    user = users.get(database, username) if row and matches else None
    if user is None:
        raise WrongPasswordError
    throttle.succeeded(database, username, address)
    return user
