"""Stores batches: raw rows and what they add to the roll-ups, in one transaction, exactly once per batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import numpy as np
import psycopg

from core.records import Batch, Connection, Delivery, Event, Sample
from core.storage import cleaning, connection_minutes, ledger, partitions, rows
from core.storage.binary_copy import copy_columns
from core.storage.cleaning import Quarantine
from core.storage.connections import Database, unavailable
from core.storage.deltas import delta_of, group
from core.storage.ledger import Key
from core.storage.lookups import Lookups
from core.storage.rollups import DELTAS, SESSION

Record = TypeVar("Record", Event, Delivery, Connection, Sample)


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


@dataclass
class _Work:
    """The records of the batches that are new, cleaned, and the relay of each."""

    events: list[Event] = field(default_factory=list)
    columns: rows.EventColumns | None = None
    metadata: list[bytes | None] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    relays: dict[str, list[tuple[str, int]]] = field(default_factory=dict)  # record type → [(relay, how many)]
    quarantines: dict[Key, Quarantine] = field(default_factory=dict)


class BatchWriter:
    """Writes batches over a connection of its own. Not for use by several threads at once; several writers may run.

    After an error nothing of the call is stored; calling again with the same batches is right in every case.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None
        self._names = Lookups()
        self._days: set[date] = set()

    def write(self, batches: Sequence[Batch]) -> WriteResult:
        """Store batches in one transaction. Raises DatabaseUnavailableError, psycopg.Error (disk full, read-only …)."""
        if not batches:
            return WriteResult()
        try:
            with unavailable():
                self._prepare_days(batches)
                connection = self._connected()
                with connection.transaction():
                    return self._store(connection, batches)
        except BaseException:
            self.close()  # the next call starts afresh: a new connection, and numbers read anew
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

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._names.forget()
            self._connection = self._database.connect(autocommit=True)
        return self._connection

    def _prepare_days(self, batches: Sequence[Batch]) -> None:
        """Partitions for days that many rows come for (an import, the demo's history); stray rows go to DEFAULT."""
        try:
            times = np.array([event.timestamp for batch in batches for event in batch.events], dtype=np.int64)
        except (OverflowError, TypeError, ValueError):
            return  # to be cleaned; then few rows are worth a partition
        usable = times[(times >= cleaning.EARLIEST) & (times < cleaning.LATEST)]
        days = partitions.days_with(usable, partitions.ADOPT_ROWS)
        if days - self._days:
            partitions.ensure_days(self._database, days - self._days)
            self._days |= days

    def _store(self, connection: psycopg.Connection[Any], batches: Sequence[Batch]) -> WriteResult:
        by_key = {(batch.source, batch.sequence): batch for batch in batches}
        new = ledger.claim(connection, by_key)
        result = WriteResult(tuple(key for key in by_key if key in new), tuple(key for key in by_key if key not in new))
        work = _cleaned({key: by_key[key] for key in result.stored})
        _copy_quarantine(connection, work.quarantines)
        names = self._look_up(connection, work)
        facts = []
        if work.columns is not None:
            columns, metadata, of_events = rows.event_rows(
                work.columns, self._relays(work, "events"), names, work.metadata
            )
            copy_columns(connection, "traffic_events_raw", columns, metadata)
            facts.append(of_events)
        if work.deliveries:
            columns, of_deliveries = rows.delivery_rows(work.deliveries, self._relays(work, "deliveries"), names)
            copy_columns(connection, "deliveries_raw", columns)
            facts.append(of_deliveries)
        if work.connections:
            relay = self._relays(work, "connections")
            columns, sessions = rows.connection_rows(work.connections, relay, names)
            copy_columns(connection, "connections_raw", columns)
            copy_columns(connection, SESSION.name, *delta_of(SESSION, sessions))
        if work.samples:
            copy_columns(
                connection, "connection_metrics_raw", rows.sample_rows(work.samples, self._relays(work, "samples"))
            )
            connection_minutes.note(connection, (sample.timestamp for sample in work.samples))
        if facts:
            together = {name: np.concatenate([part[name] for part in facts]) for name in facts[0]}
            for delta in DELTAS:
                if delta is not SESSION:
                    copy_columns(connection, delta.name, *delta_of(delta, together))
        self._names.note_identities(connection, {names.clients[one.client]: one.identity for one in work.connections})
        return WriteResult(
            result.stored, result.skipped, len(work.events), len(work.deliveries), len(work.connections),
            len(work.samples), sum(one.refused for one in work.quarantines.values()),
        )  # fmt: skip

    def _look_up(self, connection: psycopg.Connection[Any], work: _Work) -> rows.Names:
        known = self._names
        known.load_fixed(connection)
        relays = {relay for counts in work.relays.values() for relay, _ in counts}
        known.find_small(connection, "relays", "relay_id", relays)
        apps = {one.app for one in work.connections if one.app is not None}
        if work.columns is not None:
            apps |= {app for app in set(work.columns.app) if app is not None}
        known.find_small(connection, "apps", "app_id", apps)
        names: set[str] = set(work.columns.clients) if work.columns else set()
        names.update(record.client for records in (work.deliveries, work.connections) for record in records)
        known.find_clients(connection, names, lambda: _first_seen(work))
        codes: dict[str | None, int] = {None: 0}
        codes.update(known.fixed["error_codes"])
        return rows.Names(known.clients, known.apps, known.fixed["event_types"], known.fixed["outcomes"], codes)

    def _relays(self, work: _Work, records: str) -> rows.Array:
        counts = work.relays[records]
        numbers = np.array([self._names.relays[relay] for relay, _ in counts], dtype=np.int64)
        return np.repeat(numbers, [count for _, count in counts])


def _cleaned(batches: dict[Key, Batch]) -> _Work:
    work = _Work(quarantines={key: Quarantine() for key in batches})
    columns = rows.transpose([event for batch in batches.values() for event in batch.events])
    for key, batch in batches.items():
        quarantine = work.quarantines[key]
        relay = cleaning.printable(batch.relay)[: cleaning.LONGEST_APP] or "unknown"

        def take(
            name: str, into: list[Record], records: Iterable[Record], clean: Callable[[Record], Any] | None,
            quarantine: Quarantine = quarantine, relay: str = relay,
        ) -> None:  # fmt: skip
            kept = list(records) if clean is None else cleaning.clean_records(records, clean, quarantine)
            into.extend(kept)
            work.relays.setdefault(name, []).append((relay, len(kept)))

        take("events", work.events, batch.events, cleaning.clean_event if columns is None else None)
        take("deliveries", work.deliveries, batch.deliveries, cleaning.clean_delivery)
        take("connections", work.connections, batch.connections, cleaning.clean_connection)
        take("samples", work.samples, batch.samples, cleaning.clean_sample)
        newest = work.events[len(work.events) - work.relays["events"][-1][1] :]
        encoded, failed = cleaning.encode_all_metadata([event.metadata for event in newest])
        work.metadata.extend(encoded)
        for place in failed:
            quarantine.add(newest[place], "metadata cannot be stored", refused=False)
    if work.events:
        work.columns = columns or rows.transpose(work.events)
        if work.columns is None:
            raise AssertionError("an event was cleaned and still cannot be stored")
    return work


def _first_seen(work: _Work) -> dict[str, int]:
    """First time of every client in these records, in microseconds."""
    seen: dict[str, int] = {}
    if work.columns is not None:
        order, starts = group([work.columns.client])
        firsts = np.minimum.reduceat(work.columns.timestamp[order], starts)
        seen = dict(zip(work.columns.clients, firsts.tolist(), strict=True))
    for delivery in work.deliveries:
        seen[delivery.client] = min(delivery.timestamp, seen.get(delivery.client, delivery.timestamp))
    for connection in work.connections:
        opened = min(connection.opened_at, connection.closed_at)
        seen[connection.client] = min(opened, seen.get(connection.client, opened))
    return seen


def _copy_quarantine(connection: psycopg.Connection[Any], quarantines: dict[Key, Quarantine]) -> None:
    with connection.cursor() as cursor:
        for (source, sequence), quarantine in quarantines.items():
            for (record, reason, refused), (count, sample) in quarantine.entries.items():
                cursor.execute(
                    "INSERT INTO quarantine (source, sequence, record, reason, refused, n, sample)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    [source, sequence, record, reason, refused, count, sample],
                )
