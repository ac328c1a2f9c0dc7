"""Throttling of sign-ins: failures are counted by user name and by address, and fade with time.

The first failures are free; each further one doubles the wait, up to a limit that keeps a stranger from locking a user
out for long. Neither the name nor the address is stored: the keys are hashes under a secret of this database.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from datetime import datetime, timedelta
from typing import Any

import psycopg

from core.storage.database import Database

FREE_BY_NAME = 5
FREE_BY_ADDRESS = 20
"""More than by name: people of one office share an address."""
LONGEST_WAIT = timedelta(minutes=5)
HALF_LIFE = timedelta(minutes=10)
"""After this long without a failure, half of the failures are forgotten."""
FORGOTTEN = timedelta(days=1)


def faded(failures: int, since: timedelta) -> int:
    """What is left of `failures`, `since` the last one."""
    return int(failures * 0.5 ** (max(since, timedelta()) / HALF_LIFE))


def wait(failures: int, free: int) -> timedelta:
    """How long after the last of `failures` the next attempt is refused: 0, then 2, 4, 8 s, …"""
    over = failures - free
    return timedelta() if over < 0 else min(timedelta(seconds=2 ** min(over + 1, 12)), LONGEST_WAIT)


def attempt(database: Database, username: str, address: str, now: datetime) -> timedelta:
    """Count an attempt before its password is checked, so that guesses made at the same time count too.

    Returns zero when it may go on (call `succeeded` if the password was right), else how long to wait; an attempt
    that has to wait is not counted.
    """
    with database.borrow() as connection:
        keys = dict(zip(_keys(connection, username, address), (FREE_BY_NAME, FREE_BY_ADDRESS), strict=True))
        clean(connection, now)
        for key in sorted(keys):  # in one order, so that two attempts never wait for each other in a circle
            connection.execute(
                "INSERT INTO login_attempts (key, failures, last_failure) VALUES (%s, 0, %s) ON CONFLICT DO NOTHING",
                [key, now],
            )
        rows = connection.execute(
            "SELECT key, failures, last_failure FROM login_attempts WHERE key = ANY(%s) ORDER BY key FOR UPDATE",
            [list(keys)],
        ).fetchall()
        left = max((last + wait(failures, keys[key]) - now for key, failures, last in rows), default=timedelta())
        if left > timedelta():
            return left
        for key, failures, last in rows:
            connection.execute(
                "UPDATE login_attempts SET failures = %s, last_failure = %s WHERE key = %s",
                [faded(failures, now - last) + 1, now, key],
            )
    return timedelta()


def clean(connection: psycopg.Connection[Any], now: datetime) -> int:
    """Forget failures that no longer count; returns how many names and addresses that concerns."""
    return connection.execute("DELETE FROM login_attempts WHERE last_failure < %s", [now - FORGOTTEN]).rowcount


def succeeded(database: Database, username: str, address: str) -> None:
    """The password was right: forget the name's failures, and take this attempt back from the address.

    The address keeps its failures, else an attacker with an account of their own could reset them at will.
    """
    with database.borrow() as connection:
        name_key, address_key = _keys(connection, username, address)
        connection.execute("DELETE FROM login_attempts WHERE key = %s", [name_key])
        connection.execute(
            "UPDATE login_attempts SET failures = greatest(failures - 1, 0) WHERE key = %s", [address_key]
        )


def _keys(connection: psycopg.Connection[Any], username: str, address: str) -> tuple[str, str]:
    query = "SELECT value #>> '{}' FROM settings_store WHERE name = 'throttle_key'"
    row = connection.execute(query).fetchone()
    if row is None:
        connection.execute(
            "INSERT INTO settings_store (name, value) VALUES ('throttle_key', to_jsonb(%s::text))"
            " ON CONFLICT DO NOTHING",
            [secrets.token_hex(32)],
        )
        row = connection.execute(query).fetchone()
    assert row is not None  # noqa: S101 (just inserted, by us or another process)
    secret = bytes.fromhex(row[0])
    parts = (f"name:{username}", f"address:{_network(address)}")
    first, second = (hmac.new(secret, part.encode(), hashlib.sha256).hexdigest() for part in parts)
    return f"name:{first}", f"address:{second}"


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: whoever has one address of it has them all."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else str(parsed)
