"""From the spools into the database: polls, stores, and only then acknowledges. A process of its own.

A database that does not answer costs nothing but time: batches stay in the spools. A batch that the database refuses is
put into quarantine, so that it neither vanishes nor blocks the others.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from sqlite3 import Error as SpoolError

import msgspec
import psycopg
import structlog

from core.exceptions import RelayAnalyticsError
from core.records import Batch, encode_batch
from core.settings import Settings
from core.spools import spool_directory
from core.storage.ahead import ahead
from core.storage.database import Database, open_database
from core.storage.hosts import this_host
from core.storage.migrate import migrate
from core.storage.prepared import Prepared
from core.storage.writer import BatchWriter
from ingest import damage
from ingest.intake import Group, Intake, acknowledge
from ingest.spool import Waiting
from ingest.upkeep import Upkeep

log = structlog.get_logger()

POLL_SECONDS = 0.05
GROUP_EVENTS = 50_000
GROUP_BATCHES = 200
"""How much goes into one transaction: what it costs beside its rows no longer counts, and its memory stays small."""
GROUPS_AT_ONCE = 25
"""Groups of a step: the next one is prepared while one is stored."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
DRAIN_SECONDS = 10.0

REFUSED = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""What says that the batch is at fault, and not the database."""
OUR_FAULT = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RecursionError)
"""What says that this program is: the batch is set aside all the same, so that it keeps no other waiting."""


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
        self._intake = Intake(self._directory, settings.spool_max_bytes)
        self._most_batches = GROUP_BATCHES
        self._database: Database | None = None
        self._batches: BatchWriter | None = None
        self._upkeep: Upkeep | None = None
        self._told: set[str] = set()

    def step(self) -> int:
        """Stores what the spools hold now, up to a limit; returns the number of batches.

        Raises DatabaseUnavailableError, MigrationError, or psycopg's error when the database cannot store it now.
        """
        searched = self._search_damaged()
        most_batches = min(self._most_batches, GROUP_BATCHES)
        groups = islice(self._intake.groups(GROUP_EVENTS, most_batches), GROUPS_AT_ONCE)
        first = next(groups, None)
        if first is None:
            return searched
        writer, stored = self._connected(), searched

        def prepare(group: Group) -> Prepared:
            return writer.prepare([waiting.batch for _, waiting in group if waiting.batch is not None])

        with closing(ahead(chain([first], groups), prepare)) as prepared_groups:
            for group, prepared in prepared_groups:
                self._store(writer, group, prepared)
                acknowledge(group)
                stored += len(group)
                log.debug("Batches are stored", batches=[waiting.id for _, waiting in group])
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
            except (RelayAnalyticsError, psycopg.Error, SpoolError, OSError) as error:
                if deadline is not None:
                    log.warning("Stopped before everything was stored; it waits in the spool", error=str(error))
                    break
                pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, pause * 2))
                self._most_batches = max(1, self._most_batches // 4)  # what takes too long at once may pass in parts
                log.warning("The database takes nothing; batches wait in the spool", error=str(error), retry_in=pause)
                self._disconnect()
                stop.wait(pause)
                continue
            if pause:
                log.info("The database takes batches again")
                pause = 0.0
            self._most_batches = min(GROUP_BATCHES, self._most_batches * 2)
            if deadline is not None and (not stored or time.monotonic() > deadline):
                break
            if not stored:
                stop.wait(POLL_SECONDS)
        self.close()

    def close(self) -> None:
        self._disconnect()
        self._intake.close()

    def _connected(self) -> BatchWriter:
        if self._batches is None or self._database is None:
            self._database = self._open(self._settings)
            self._batches = BatchWriter(self._database, this_host(self._settings))
            self._upkeep = Upkeep(self._database)
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

    def _store(self, writer: BatchWriter, group: Group, prepared: Future[Prepared]) -> None:
        try:
            writer.store(prepared.result())
        except (*REFUSED, *OUR_FAULT) as error:
            log.warning("Batches cannot be stored together; each is tried alone", reason=_reason(error))
            self._tell(error)
            for _, waiting in group:
                self._store_alone(writer, waiting)
            return
        for _, waiting in group:
            if waiting.batch is None:
                self._store_alone(writer, waiting)

    def _store_alone(self, writer: BatchWriter, waiting: Waiting) -> None:
        """Stores one batch, or enters it as quarantined: its number must not be waited for."""
        if waiting.batch is None:
            log.error("A batch is damaged", batch=waiting.id, records=waiting.records)
            damaged = Batch(waiting.source, waiting.sequence, "", [], [], [], [])
            writer.refuse(damaged, "damaged in the spool", unreadable=waiting.records)
            return
        try:
            writer.write([waiting.batch])
        except (*REFUSED, *OUR_FAULT) as error:
            kept_as = self._keep(waiting.batch)
            log.error("A batch goes into quarantine", batch=waiting.id, kept_as=kept_as, reason=_reason(error))
            self._tell(error)
            writer.refuse(waiting.batch, _reason(error), kept_as)

    def _tell(self, error: Exception) -> None:
        """Logs where an error of this program comes from, once for each place: it may meet every batch."""
        if isinstance(error, OUR_FAULT) and _reason(error) not in self._told:
            self._told.add(_reason(error))
            log.error("The writer met an error of its own; please report it", exc_info=error)

    def _keep(self, batch: Batch) -> str:
        """Writes a refused batch to a file, as records, before its spool forgets it. Raises OSError."""
        directory = self._directory / "quarantine"
        directory.mkdir(mode=0o700, exist_ok=True)
        name = "".join(each if each.isalnum() else "-" for each in batch.source)
        path = directory / f"{name}-{batch.sequence}.batch"
        path.touch(mode=0o600)
        with path.open("wb") as file:
            file.write(encode_batch(msgspec.structs.replace(batch, events=list(batch.events))))
            file.flush()
            os.fsync(file.fileno())
        return str(path)

    def _search_damaged(self) -> int:
        """Stores what can still be read of spools that were set aside; returns the number of batches."""
        stored = 0
        for path in sorted(self._directory.glob(f"*{damage.DAMAGED}")):
            writer = self._connected()
            found = 0
            for waiting in damage.readable(path):
                self._store_alone(writer, waiting)
                found += 1
            path.rename(path.with_suffix(damage.SEARCHED))
            log.warning("A damaged spool was searched", file=str(path), batches=found)
            stored += found
        return stored


def _reason(error: Exception) -> str:
    """Why a batch is in quarantine: what the database says of it, or where this program fails at it."""
    if isinstance(error, psycopg.Error):
        return f"refused by the database: {str(error).splitlines()[0]}"[:200]
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"an error in the writer: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
