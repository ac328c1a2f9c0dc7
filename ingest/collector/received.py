"""Which batches a sender has handed over before, for as long as it may ask again.

An id that ends in a number belongs to a run: `relay-7` is number 7 of the run `relay-`. Numbers next to each other are
kept as one range, so a sender that counts costs one row for ever; an id without a number, or with one far from the
others, costs a row of its own. A row is forgotten some days after it was last added to.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from functools import lru_cache
from typing import NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS received (
    run BLOB NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL, hour INTEGER NOT NULL, PRIMARY KEY (run, last)
) WITHOUT ROWID;
"""
MOST_ROWS = 2_000_000
"""About 100 MB. Beyond it the oldest hours are forgotten early, the newest never."""
_RUN_BYTES = 16
_RUNS_KNOWN = 1_000
_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]{0,17})", re.DOTALL)

Key = tuple[bytes, int]


def key_of(source: str, batch: str) -> Key:
    """The run and the number of a batch. Different ids have different keys: `a7` and `a07` too.

    The run is hashed to 128 bits: no two of a billion runs meet (probability below 1e-20).
    """
    match = _NUMBERED.fullmatch(batch)
    prefix, number = (match[1], int(match[2])) if match else (f"{batch}\n", 0)
    return _run(f"{source}\n{prefix}"), number


@lru_cache(_RUNS_KNOWN)
def _run(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_RUN_BYTES).digest()


class Gap(NamedTuple):
    """Where a batch is missing: the range above it in its run, if there is one."""

    first: int | None = None
    last: int | None = None


class Received:
    """The ranges in a spool's file: they change in the transaction that keeps the batch. `hour`: hours since 1970."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def gap(self, key: Key) -> Gap | None:
        """None when the batch has been noted before."""
        above = self._db.execute(
            "SELECT first, last FROM received WHERE run = ? AND last >= ? ORDER BY last LIMIT 1", key
        ).fetchone()
        if above is None:
            return Gap()
        return Gap(*above) if above[0] > key[1] else None

    def fill(self, key: Key, gap: Gap, hour: int) -> None:
        """Notes a batch. Belongs into the transaction of the question where it is missing."""
        run, number = key
        if gap.first == number + 1:
            below = self._db.execute(
                "SELECT first FROM received WHERE run = ? AND last = ?", (run, number - 1)
            ).fetchone()
            first = number if below is None else below[0]
            self._db.execute("DELETE FROM received WHERE run = ? AND last = ?", (run, number - 1))
            self._db.execute(
                "UPDATE received SET first = ?, hour = ? WHERE run = ? AND last = ?", (first, hour, run, gap.last)
            )
            return
        longer = self._db.execute(
            "UPDATE received SET last = ?, hour = ? WHERE run = ? AND last = ?", (number, hour, run, number - 1)
        )
        if not longer.rowcount:
            self._db.execute("INSERT INTO received VALUES (?, ?, ?, ?)", (run, number, number, hour))

    def forget_before(self, hour: int, most_rows: int = MOST_ROWS) -> int:
        """Forgets what was last added to before this hour, and more when there are too many rows; returns how many
        rows went early."""
        self._db.execute("DELETE FROM received WHERE hour < ?", (hour,))
        early = 0
        while True:
            rows, oldest, newest = self._db.execute("SELECT count(*), min(hour), max(hour) FROM received").fetchone()
            if rows <= most_rows or oldest == newest:
                return early
            early += self._db.execute("DELETE FROM received WHERE hour = ?", (oldest,)).rowcount
