"""A spool that SQLite cannot read: it is set aside for a new one, and what can still be read of it is read."""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from ingest.spool import Waiting, read_one

DAMAGED = ".corrupt"
"""Ending of a spool that was set aside and not searched yet."""
SEARCHED = ".searched"
"""Ending of one whose readable batches were stored."""


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged, so that trying again is useless."""
    return isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def is_passing(error: sqlite3.Error) -> bool:
    """Whether the open file is good and will take batches again: the disk is full, another process writes.

    On a full disk a file that was closed may not be opened again.
    """
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }


def set_aside(path: Path, inode: int | None = None) -> Path | None:
    """Moves a damaged spool, with what is not yet checkpointed, out of the way; returns where it went.

    None when the file of this name is no longer the one with this inode: another process was faster. Raises OSError.
    """
    with (path.parent / "set-aside.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists() or inode not in {None, path.stat().st_ino}:
            return None
        aside = path.with_name(f"{path.stem}-{secrets.token_hex(4)}{DAMAGED}")
        path.rename(aside)  # first: beside a new, empty file SQLite never uses a log that was left
        for companion in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + companion).rename(aside.with_name(aside.name + companion))
        return aside


def readable(path: Path) -> Iterator[Waiting]:
    """What can still be read of a spool that was set aside, oldest first."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with suppress(sqlite3.DatabaseError):
            db.execute("BEGIN IMMEDIATE")  # waits for an appending that began before the file was moved
        for position in sorted(_positions(db)):
            waiting = None
            with suppress(sqlite3.DatabaseError):
                waiting = read_one(db, position)
            if waiting is not None:
                yield waiting


def _positions(db: sqlite3.Connection) -> set[int]:
    """From the table and from the index: what is damaged of one may be whole in the other."""
    found: set[int] = set()
    for statement in (
        "SELECT position FROM waiting NOT INDEXED",
        "SELECT position FROM waiting INDEXED BY waiting_state",
    ):
        with suppress(sqlite3.DatabaseError):
            for (position,) in db.execute(statement):
                found.add(position)
    return found
