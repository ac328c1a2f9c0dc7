"""Whose token it is: known from the database, and from a file beside the spool while the database is away.

All valid tokens are fetched every few seconds, so a request never waits for the database, and one that was revoked is
refused within that time. The file holds hashes only; it counts for a limited time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
import structlog

from core.accounts import sources
from core.exceptions import DatabaseUnavailableError, InvalidTokenError, SourcesUnknownError
from core.storage.connections import Database

log = structlog.get_logger()

REFRESH_SECONDS = 5.0
ASK_AGAIN_SECONDS = 1.0
"""An unknown token makes the database be asked at once, but not more often than this."""
SAVE_SECONDS = 60.0
"""The file says at least this exactly when the database was last heard of."""
DAY = 86_400


class Known(msgspec.Struct):
    """What the file holds. `as_of`: seconds since the Unix epoch; keys are hashes in hexadecimal."""

    as_of: float = 0.0
    sources: dict[str, str] = {}


class Sources:
    """`open_` gives the database; it may raise DatabaseUnavailableError."""

    def __init__(self, path: Path, open_: Callable[[], Database], trusted_days: int) -> None:
        self._path = path
        self._open = open_
        self._trusted = trusted_days * DAY
        self._database: Database | None = None
        self._known = _load(path)
        self._saved_at = 0.0
        self._asked = -ASK_AGAIN_SECONDS
        self._asking = asyncio.Lock()
        self._used: set[bytes] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._away = False

    async def start(self) -> None:
        """Asks the database once, and from then on regularly."""
        await self._ask()
        self._refreshing = asyncio.ensure_future(self._refresh())

    async def stop(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refreshing
        if self._database is not None:
            await asyncio.to_thread(self._database.close)

    async def source_of(self, token: str) -> str:
        """The source of a token. Raises InvalidTokenError; SourcesUnknownError when only the database could tell."""
        key = sources.hashed(token)
        name = self.recognise(key)
        if name is None and token.startswith(sources.PREFIX):
            await self._ask()
            name = self.recognise(key)
            if name is None and (self._away or self._expired()):
                raise SourcesUnknownError
        if name is None:
            raise InvalidTokenError("The token is missing, unknown or revoked.")
        return name

    def recognise(self, key: bytes) -> str | None:
        """The source of a token's hash, as far as it is known now; notes the use."""
        name = None if self._expired() else self._known.sources.get(key.hex())
        if name is not None:
            self._used.add(key)
        return name

    def _expired(self) -> bool:
        return time.time() - self._known.as_of > self._trusted

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._ask()

    async def _ask(self) -> None:
        async with self._asking:
            if time.monotonic() - self._asked < ASK_AGAIN_SECONDS:
                return
            try:
                await asyncio.to_thread(self._fetch)
            except (DatabaseUnavailableError, psycopg.Error, OSError) as error:
                if not self._away:
                    log.warning("The database does not answer; known tokens stay valid meanwhile", error=str(error))
                self._away = True
            else:
                self._away = False
            self._asked = time.monotonic()

    def _fetch(self) -> None:
        if self._database is None:
            self._database = self._open()
        valid = sources.valid(self._database)
        used, self._used = self._used, set()
        if used:
            sources.note_use(self._database, used, datetime.now(UTC))
        known = Known(time.time(), {key.hex(): name for key, name in valid.items()})
        changed = known.sources != self._known.sources
        self._known = known
        if changed or known.as_of - self._saved_at > SAVE_SECONDS:
            _save(self._path, known)
            self._saved_at = known.as_of


def _load(path: Path) -> Known:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Known)
    except FileNotFoundError:
        return Known()
    except (OSError, ValueError) as error:
        log.warning("The file of known tokens cannot be read", file=str(path), error=str(error))
        return Known()


def _save(path: Path, known: Known) -> None:
    """Replaces the file in one step. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(known))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
