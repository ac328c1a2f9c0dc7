"""What was imported before: files are known again by their content, also when they have grown since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from core.exceptions import ImportFileError
from core.storage.connections import Database
from ingest.imports.content import Scan


@dataclass(frozen=True)
class Segment:
    """The bytes [start, end) of a content, imported at one time under `digest`; `finished`: they are all stored."""

    digest: str
    start: int
    end: int
    finished: bool

    @property
    def source(self) -> str:
        """What names its batches."""
        return f"import:{self.digest}"


def sizes(database: Database) -> list[int]:
    """How long the contents of all imports were."""
    with database.connect(autocommit=True) as connection:
        return [size for (size,) in connection.execute("SELECT DISTINCT bytes FROM imports").fetchall()]


def segments(database: Database, scan: Scan, relay: str | None) -> list[Segment]:
    """The content in segments: those that were imported or begun before, then what is new.

    Raises ImportFileError when one was begun for another relay.
    """
    digests = {part.digest: part for part in (*scan.parts, scan.whole)}
    with database.connect(autocommit=True) as connection:
        rows = connection.execute(
            "SELECT digest, starts_at, bytes, finished_at IS NOT NULL, relay FROM imports WHERE digest = ANY(%s)"
            " ORDER BY bytes",
            [list(digests)],
        ).fetchall()
    found = [Segment(*row[:4]) for row in rows if digests[row[0]].size == row[2]]
    other = next((row[4] for row in rows if not row[3] and row[4] != relay), None)
    if other is not None:
        raise ImportFileError(f"The import of this file was begun for the relay {other!r}; finish it with that name.")
    before = max((segment.end for segment in found), default=0)
    if before < scan.whole.size or not found:
        found.append(Segment(scan.whole.digest, before, scan.whole.size, finished=False))
    return found


def begin(database: Database, segment: Segment, file_format: str, relay: str | None, now: datetime) -> None:
    """Note a segment before its first batch is stored. Safe to repeat."""
    with database.connect(autocommit=True) as connection:
        connection.execute(
            "INSERT INTO imports (digest, format, relay, starts_at, bytes, lines, taken, bad, started_at)"
            " VALUES (%s, %s, %s, %s, %s, 0, 0, 0, %s) ON CONFLICT (digest) DO NOTHING",
            [segment.digest, file_format, relay, segment.start, segment.end, now],
        )


@dataclass
class Bad:
    """Lines that cannot be read for one reason: how many, the first one's number, and it, as it may be shown."""

    count: int
    first: int
    sample: str


def finish(
    database: Database, segment: Segment, counts: Mapping[str, int], bad: Mapping[str, Bad], now: datetime
) -> None:
    """Note that all of a segment is stored, and put its bad lines into the quarantine; once."""
    with database.connect() as connection:
        done = connection.execute(
            "UPDATE imports SET finished_at = %s, lines = %s, taken = %s, bad = %s"
            " WHERE digest = %s AND finished_at IS NULL",
            [now, counts["lines"], counts["taken"], counts["bad"], segment.digest],
        )
        if done.rowcount:
            _quarantine(connection, segment, bad)


def _quarantine(connection: psycopg.Connection[Any], segment: Segment, bad: Mapping[str, Bad]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO quarantine (source, sequence, record, reason, refused, n, sample)"
            " VALUES (%s, 0, 'line', %s, true, %s, %s)",
            [[segment.source, reason, one.count, f"line {one.first}: {one.sample}"] for reason, one in bad.items()],
        )
