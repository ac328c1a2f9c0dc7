"""Stores batches: raw rows and what they add to the roll-ups, in one transaction, exactly once per batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import psycopg

from core.records import Batch
from core.storage import connection_minutes, ingest_counts, ledger, partitions, rows, waiting_messages
from core.storage.array_rows import insert_rows
from core.storage.binary_copy import Numbers, send, stream
from core.storage.cleaning import Quarantine
from core.storage.connections import Database, unavailable
from core.storage.hosts import Host, first_worker
from core.storage.ledger import Key
from core.storage.lookups import Lookups
from core.storage.prepared import Prepared, by_key, prepare


@dataclass(frozen=True)
class WriteResult:
    """What a write did. `stored` and `skipped` are (source, sequence); skipped ones had been stored before."""

    stored: tuple[Key, ...] = ()
    skipped: tuple[Key, ...] = ()
    events: int = 0
    deliveries: int = 0
    connections: int = 0
    samples: int = 0
    refused: int = 0
    """Records that went to the quarantine instead."""


class BatchWriter:
    """Writes batches over a connection of its own. Not for use by several threads at once, but for `prepare`; several
    writers may run.

    After an error nothing of the call is stored; calling again with the same batches is right in every case.
    """

    def __init__(self, database: Database, host: Host | None = None) -> None:
        """`host`: where the batches come from; None when they come from no tap, or from the only host there is."""
        self._database = database
        self._host = host
        self._connection: psycopg.Connection[Any] | None = None
        self._names = Lookups()
        self._days: set[date] = set()
        self._fixed: rows.Fixed | None = None
        self._first_worker = 0

    def write(self, batches: Sequence[Batch]) -> WriteResult:
        """Store batches in one transaction. Raises DatabaseUnavailableError, psycopg.Error (disk full, read-only …)."""
        return self.store(self.prepare(batches)) if batches else WriteResult()

    def prepare(self, batches: Sequence[Batch]) -> Prepared:
        """The part of a write that needs no database, but for the fixed lists, once. May run in another thread.

        Raises DatabaseUnavailableError.
        """
        return prepare(by_key(batches), self._known(), self._first_worker)

    def store(self, prepared: Prepared) -> WriteResult:
        """Store what was prepared, in one transaction; without the batches that are stored already. Raises as `write`.

        May be called again after an error.
        """
        try:
            with unavailable():
                self._prepare_days(prepared.days)
                connection = self._connected()
                with connection.transaction():
                    return self._store(connection, prepared)
        except BaseException:
            self.close()  # the next call starts afresh: a new connection, and numbers read anew
            raise

    def refuse(self, batch: Batch, reason: str, sample: str = "", *, unreadable: int = 0) -> None:
        """Enter a batch as quarantined instead of storing it, once: its records count, its number is not waited for.

        `unreadable`: how many records it had, when its bytes are damaged. Raises as `write`.
        """
        self._known()
        key = (batch.source, batch.sequence)
        quarantine = Quarantine({("batch", reason, True): [unreadable or sum(batch.sizes.values()), sample]})
        try:
            with unavailable():
                connection = self._connected()
                with connection.transaction():
                    if ledger.claim(connection, {key: batch}):
                        _copy_quarantine(connection, {key: quarantine})
                        if unreadable:
                            ingest_counts.note_unreadable(connection, batch.source, unreadable)
                        else:
                            ingest_counts.note(connection, {key: batch}, {}, self._first_worker)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._names.forget()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _known(self) -> rows.Fixed:
        """The fixed lists, and with them the number of this host, read once."""
        if self._fixed is None:
            with unavailable(), self._database.connect(autocommit=True) as connection:
                if self._host is not None:
                    self._first_worker = first_worker(connection, self._host)
                self._fixed = rows.Fixed.of(Lookups.fixed_lists(connection))
        return self._fixed

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._names.forget()
            self._connection = self._database.connect(autocommit=True)
        return self._connection

    def _prepare_days(self, days: set[date]) -> None:
        """Partitions for days that many rows come for (an import, the demo's history); stray rows go to DEFAULT."""
        if days - self._days:
            partitions.ensure_days(self._database, days - self._days)
            self._days |= days

    def _store(self, connection: psycopg.Connection[Any], prepared: Prepared) -> WriteResult:
        wanted = prepared.batches
        with connection.pipeline():
            claimed, forgotten = ledger.claiming(connection, wanted), Lookups.forgotten(connection)
        new = set(claimed.fetchall())
        self._names.keep_current(forgotten)
        skipped = tuple(key for key in wanted if key not in new)
        if skipped:
            prepared = self.prepare([batch for key, batch in wanted.items() if key in new])
        _copy_quarantine(connection, prepared.quarantines)
        numbers = self._look_up(connection, prepared)
        identities = {self._names.clients[client]: kind for client, kind in prepared.identities.items()}
        with connection.pipeline():  # the server does all this while the raw rows are made ready for it
            for delta in prepared.deltas:
                insert_rows(connection, delta, numbers)
            waiting_messages.store(connection, prepared.waiting, numbers["relays"])
            ingest_counts.note(connection, prepared.batches, prepared.kept, self._first_worker)
            self._names.note_identities(connection, identities)
            streams = [stream(table, numbers) for table in prepared.tables]
        for table, data in zip(prepared.tables, streams, strict=True):
            send(connection, table, data)
        connection_minutes.note(connection, prepared.sample_times)
        refused = sum(one.refused for one in prepared.quarantines.values())
        return WriteResult(tuple(prepared.batches), skipped, **prepared.counts, refused=refused)

    def _look_up(self, connection: psycopg.Connection[Any], prepared: Prepared) -> Numbers:
        known = self._names
        known.find_small(connection, "relays", "relay_id", prepared.relays)
        known.find_small(connection, "apps", "app_id", prepared.apps)
        clients = known.find_clients(connection, prepared.clients, prepared.first_seen)
        lists = {
            "relays": [known.relays[name] for name in prepared.relays],
            "apps": [known.apps[name] for name in prepared.apps],
            "clients": clients,
        }
        return {name: np.array(numbers, dtype=np.int64) for name, numbers in lists.items()}


def _copy_quarantine(connection: psycopg.Connection[Any], quarantines: dict[Key, Quarantine]) -> None:
    with connection.cursor() as cursor:
        for (source, sequence), quarantine in quarantines.items():
            for (record, reason, refused), (count, sample) in quarantine.entries.items():
                cursor.execute(
                    "INSERT INTO quarantine (source, sequence, record, reason, refused, n, sample)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    [source, sequence, record, reason, refused, count, sample],
                )
