"""Passwords: bcrypt, in the format streamlit-authenticator's `Hasher` writes and checks."""

from __future__ import annotations

import secrets

import bcrypt

from core.exceptions import BadParameterError

SHORTEST = 10
"""Characters a password must have. Length is what makes one hard to guess; no other rules are imposed."""
LONGEST_BYTES = 72
"""bcrypt reads no more than this: a longer password is refused instead of silently cut."""
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without the look-alikes l, o, 0 and 1  # pragma: allowlist secret

NOBODY = "$2b$12$Hx8ZQCapnkHB.oAPeBec9e9sj57Mb6VZMzlsRwm23sjk0IDJkw1T2"
"""The hash of a discarded random password: checked for unknown names, so that they take as long as known ones."""


def hash_password(password: str) -> str:
    """The bcrypt hash of `password`. Raises BadParameterError when it is too short or too long."""
    if len(password) < SHORTEST:
        raise BadParameterError(f"A password needs at least {SHORTEST} characters.")
    if len(password.encode()) > LONGEST_BYTES:
        raise BadParameterError(f"A password can have at most {LONGEST_BYTES} bytes.")
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(12)).decode()


def check_password(password: str, password_hash: str) -> bool:
    """Whether `password` is the one behind `password_hash`; takes about as long either way."""
    given = password.encode()[:LONGEST_BYTES]
    matches = bcrypt.checkpw(given, password_hash.encode())
    return matches and len(password.encode()) <= LONGEST_BYTES


def generate_password() -> str:
    """A random password of four groups of five letters and digits: about 100 bits, easy to type."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
