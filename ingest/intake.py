"""The spools of a directory as the writer sees them: found, opened, read in groups, acknowledged.

A spool that cannot be read or written keeps none of the others waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.spools import SUFFIX
from ingest.damage import is_corrupt, set_aside
from ingest.spool import Spool, Waiting

log = structlog.get_logger()

READ_AT_ONCE = 4
"""Batches taken from a spool at a time, so that reading alternates with storing."""


@dataclass(eq=False)
class Source:
    """An open spool, and up to where its batches are stored: the file may be unable to forget them (disk full)."""

    spool: Spool
    stored: int = 0
    complained: bool = False

    def acknowledge(self, position: int) -> None:
        """Everything up to this position is stored."""
        self.stored = max(self.stored, position)
        try:
            self.spool.acknowledge(self.stored)
            self.spool.give_back()
        except sqlite3.DatabaseError as error:
            if not self.complained:
                log.warning("A spool cannot be emptied yet", spool=str(self.spool.path), error=str(error))
            self.complained = True
        else:
            self.complained = False


Group = list[tuple[Source, Waiting]]


class Intake:
    """Not for use from two threads at once."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._sources: dict[Path, Source] = {}
        self._complaints: set[tuple[Path, str]] = set()

    def groups(self, most_events: int, most_batches: int) -> Iterator[Group]:
        """What waits, in groups for one transaction each. Read as it is asked for; acknowledges nothing of it."""
        sources = {source: source.stored for source in self._open()}
        group: Group = []
        events = 0
        while sources:
            for source, after in list(sources.items()):
                found = self._read(source, after, min(READ_AT_ONCE, most_batches))
                if not found:
                    sources.pop(source)
                    continue
                sources[source] = found[-1].position
                group += [(source, waiting) for waiting in found]
                events += sum(len(waiting.batch.events) for waiting in found if waiting.batch is not None)
                if events >= most_events or len(group) >= most_batches:
                    yield group
                    group, events = [], 0
        if group:
            yield group

    def close(self) -> None:
        for source in self._sources.values():
            source.spool.close()
        self._sources.clear()

    def _open(self) -> list[Source]:
        """Every spool there is, opened; those of taps that no longer run too."""
        found = []
        for path in sorted(self._directory.glob(f"*{SUFFIX}")):
            known = self._sources.get(path)
            if known is not None and not known.spool.in_place():
                self._forget(known)  # it was damaged, and its tap began a new one
                known = None
            try:
                if known is None:
                    known = self._sources[path] = Source(Spool(path, self._max_bytes))
                elif known.complained:
                    known.acknowledge(known.stored)
            except (sqlite3.Error, OSError) as error:
                self._failed(path, None, error)
                continue
            found.append(known)
        return found

    def _read(self, source: Source, after: int, limit: int) -> list[Waiting]:
        try:
            found = source.spool.read(after, limit)
        except sqlite3.Error as error:
            self._forget(source)
            self._failed(source.spool.path, source.spool.inode, error)
            return []
        self._complaints = {complaint for complaint in self._complaints if complaint[0] != source.spool.path}
        return found

    def _failed(self, path: Path, inode: int | None, error: sqlite3.Error | OSError) -> None:
        if isinstance(error, sqlite3.Error) and is_corrupt(error):
            log.error("A spool is damaged", kept_as=str(set_aside(path, inode)), error=str(error))
        elif (path, str(error)) not in self._complaints:
            self._complaints.add((path, str(error)))
            log.error("A spool cannot be read now", spool=str(path), error=str(error))

    def _forget(self, source: Source) -> None:
        self._sources.pop(source.spool.path, None)
        source.spool.close()


def acknowledge(group: Group) -> None:
    """Let the spools forget a group that is stored."""
    for source, waiting in {id(source): (source, waiting) for source, waiting in group}.values():
        source.acknowledge(waiting.position)  # the last one of each spool: they come in order
