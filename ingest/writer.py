"""From the spools into the database: polls, stores, and only then acknowledges. A process of its own.

A database that does not answer costs nothing but time: batches stay in the spools. A batch that the database refuses is
put into quarantine, so that it neither vanishes nor blocks the others.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

import psycopg
import structlog

from core.exceptions import DatabaseUnavailableError, MigrationError
from core.records import Batch, encode_batch
from core.settings import Settings
from core.storage.ahead import ahead
from core.storage.database import Database, open_database
from core.storage.migrate import migrate
from core.storage.prepared import Prepared
from core.storage.writer import BatchWriter
from ingest.spool import SUFFIX, Spool, spool_directory
from ingest.upkeep import Upkeep

log = structlog.get_logger()

POLL_SECONDS = 0.05
READ_AT_ONCE = 4
"""Batches taken from a spool at a time, so that reading alternates with storing."""
GROUP_EVENTS = 20_000
GROUP_BATCHES = 200
"""How much goes into one transaction: what it costs beside its rows no longer counts, and its memory stays small."""
GROUPS_AT_ONCE = 25
"""Groups of a step: the next one is prepared while one is stored."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
DRAIN_SECONDS = 10.0

Group = list[tuple[Spool, Batch]]

REFUSED = (psycopg.DataError, psycopg.IntegrityError, ValueError, TypeError, LookupError, ArithmeticError)
"""What says that the batch is at fault, and not the database."""


def connect(settings: Settings) -> Database:
    """The database of these settings, started if it is the embedded one, and migrated.

    Raises DatabaseUnavailableError, MigrationError.
    """
    database = open_database(settings)
    migrate(database)
    return database


class Writer:
    """Empties the spools of a data directory into a database. Not for use from two threads at once."""

    def __init__(self, settings: Settings, open_: Callable[[Settings], Database] = connect) -> None:
        self._settings = settings
        self._open = open_
        self._directory = spool_directory(settings)
        self._spools: dict[
            Path, tuple[int, Spool]
        ] = {}  # with the file's inode: a damaged spool is replaced by its tap
        self._database: Database | None = None
        self._batches: BatchWriter | None = None
        self._upkeep: Upkeep | None = None

    def step(self) -> int:
        """Stores what the spools hold now, up to a limit; returns the number of batches.

        Raises DatabaseUnavailableError, MigrationError, or psycopg's error when the database cannot store it now.
        """
        groups = islice(self._groups(), GROUPS_AT_ONCE)
        first = next(groups, None)
        if first is None:
            return 0
        writer, stored = self._connected(), 0

        def prepare(group: Group) -> Prepared:
            return writer.prepare([batch for _, batch in group])

        with closing(ahead(chain([first], groups), prepare)) as prepared_groups:
            for group, prepared in prepared_groups:
                self._store(writer, group, prepared)
                for spool, batch in {id(spool): (spool, batch) for spool, batch in group}.values():
                    spool.acknowledge(batch.sequence)  # the last one of each spool: they come in order
                stored += len(group)
        return stored

    def run(self, stop: threading.Event) -> None:
        """Stores until told to stop, and then what is left, for as long as the database takes it."""
        pause = 0.0
        deadline: float | None = None
        while True:
            if stop.is_set() and deadline is None:
                deadline = time.monotonic() + DRAIN_SECONDS
            try:
                self._connected()
                stored = self.step()
            except (DatabaseUnavailableError, MigrationError, psycopg.Error, sqlite3.Error, OSError) as error:
                if deadline is not None:
                    log.warning("Stopped before everything was stored; it waits in the spool", error=str(error))
                    break
                pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, pause * 2))
                log.warning("The database takes nothing; batches wait in the spool", error=str(error), retry_in=pause)
                self._disconnect()
                stop.wait(pause)
                continue
            if pause:
                log.info("The database takes batches again")
                pause = 0.0
            if deadline is not None and (not stored or time.monotonic() > deadline):
                break
            if not stored:
                stop.wait(POLL_SECONDS)
        self.close()

    def close(self) -> None:
        self._disconnect()
        for _, spool in self._spools.values():
            spool.close()
        self._spools.clear()

    def _connected(self) -> BatchWriter:
        if self._batches is None or self._database is None:
            self._database = self._open(self._settings)
            self._batches = BatchWriter(self._database)
            self._upkeep = Upkeep(self._database, self._settings.raw_retention_days)
            self._upkeep.start()
            log.info("The writer is connected", database=self._database.name)
        return self._batches

    def _disconnect(self) -> None:
        if self._upkeep is not None:
            self._upkeep.stop()
        if self._batches is not None:
            self._batches.close()
        if self._database is not None:
            self._database.close()
        self._database = self._batches = self._upkeep = None

    def _open_spools(self) -> list[Spool]:
        spools = []
        for path in sorted(self._directory.glob(f"*{SUFFIX}")):
            inode = path.stat().st_ino
            known = self._spools.get(path)
            if known is not None and known[0] != inode:
                known[1].close()
                known = None
            if known is None:
                known = self._spools[path] = (inode, Spool(path, self._settings.spool_max_bytes))
            spools.append(known[1])
        return spools

    def _groups(self) -> Iterator[Group]:
        """What the spools hold, in groups for one transaction each. Read as it is asked for; acknowledges nothing."""
        spools = dict.fromkeys(self._open_spools(), 0)  # with the last sequence that was read
        group: Group = []
        events = 0
        while spools:
            for spool, after in list(spools.items()):
                batches = self._read(spool, after)
                if not batches:
                    spools.pop(spool)
                    continue
                spools[spool] = batches[-1].sequence
                group += [(spool, batch) for batch in batches]
                events += sum(len(batch.events) for batch in batches)
                if events >= GROUP_EVENTS or len(group) >= GROUP_BATCHES:
                    yield group
                    group, events = [], 0
        if group:
            yield group

    def _read(self, spool: Spool, after: int) -> list[Batch]:
        try:
            return spool.read(after, READ_AT_ONCE)
        except sqlite3.DatabaseError as error:
            log.error("A spool cannot be read", spool=str(spool.path), error=str(error))
            self._spools.pop(spool.path)
            spool.close()
            return []

    def _store(self, writer: BatchWriter, group: Group, prepared: Future[Prepared]) -> None:
        try:
            writer.store(prepared.result())
            return
        except REFUSED as error:
            log.warning("The database refuses batches; each is tried alone", error=str(error))
        for _, batch in group:
            try:
                writer.write([batch])
            except REFUSED as error:
                log.error(
                    "A batch is refused and goes into quarantine", kept_as=self._quarantine(batch), error=str(error)
                )

    def _quarantine(self, batch: Batch) -> str:
        directory = self._directory / "quarantine"
        directory.mkdir(mode=0o700, exist_ok=True)
        name = "".join(each if each.isalnum() else "-" for each in batch.source)
        path = directory / f"{name}-{batch.sequence}.batch"
        path.write_bytes(encode_batch(batch))
        path.chmod(0o600)
        return str(path)
