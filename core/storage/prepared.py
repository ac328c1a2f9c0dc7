"""What a write can do before it meets the database: cleaning, columns, sums, and rows encoded for COPY.

Relays, clients and apps are places in lists of names here; their numbers are put in when the rows are sent. So the next
write can be prepared while one is stored, and one that failed can be stored again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import msgspec
import numpy as np

from core.records import RECORDS, Batch, Connection, Delivery, Event, Sample
from core.storage import cleaning, partitions, rows, waiting_messages
from core.storage.array_rows import ArrayRows
from core.storage.binary_copy import Encoded, encoded
from core.storage.cleaning import Quarantine
from core.storage.deltas import delta_of
from core.storage.event_columns import EventColumns, Places, concatenated, places, transpose
from core.storage.ledger import Key
from core.storage.rollups import DELTAS, SESSION

Record = TypeVar("Record", Event, Delivery, Connection, Sample)

LISTS = ("events", "deliveries", "connections", "samples")
"""Where a batch has its records, in the order of RECORDS."""

LATER = 2**62
"""Microseconds: later than any record."""


@dataclass
class Prepared:
    """Batches ready to be stored. `places` are those of the names in the tables, by list of names."""

    batches: Mapping[Key, Batch]
    tables: list[Encoded] = field(default_factory=list)
    deltas: list[ArrayRows] = field(default_factory=list)
    relays: Places = field(default_factory=places)
    apps: Places = field(default_factory=places)
    clients: Places = field(default_factory=places)
    seen: list[tuple[rows.Array, rows.Array]] = field(default_factory=list)  # places of clients, their times
    identities: dict[str, str] = field(default_factory=dict)
    sample_times: list[int] = field(default_factory=list)
    waiting: list[waiting_messages.Row] = field(default_factory=list)
    days: set[date] = field(default_factory=set)
    quarantines: dict[Key, Quarantine] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    kept: dict[Key, dict[str, int]] = field(default_factory=dict)
    """How many of each kind of record of a batch will be stored."""

    def first_seen(self) -> dict[str, int]:
        """First time of every client in these records, in microseconds."""
        first = np.full(len(self.clients), LATER, dtype=np.int64)
        for seen, times in self.seen:
            np.minimum.at(first, seen, times)
        return dict(zip(self.clients, first.tolist(), strict=True))


@dataclass
class _Work:
    """The records of the batches, cleaned, and the relay of each."""

    columns: EventColumns | None = None
    metadata: list[bytes | None] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    relays: dict[str, list[tuple[str, int]]] = field(default_factory=dict)  # record type → [(relay, how many)]
    quarantines: dict[Key, Quarantine] = field(default_factory=dict)
    kept: dict[Key, dict[str, int]] = field(default_factory=dict)


def prepare(batches: Mapping[Key, Batch], fixed: rows.Fixed, first_worker: int = 0) -> Prepared:
    """Clean and encode batches. Needs no database; what cannot be stored is left out and counted. `first_worker`: the
    number that their worker 0 has in the database (`core.storage.hosts`)."""
    work = _cleaned(batches)
    counts = {name: len(getattr(work, name)) for name in LISTS[1:]}
    counts["events"] = len(work.metadata)
    prepared = Prepared(batches, quarantines=work.quarantines, counts=counts, kept=work.kept)

    def relays(records: str) -> rows.Array:
        each = np.array([prepared.relays[relay] for relay, _ in work.relays[records]], dtype=np.int64)
        return np.repeat(each, [count for _, count in work.relays[records]])

    facts = []
    if work.columns is not None:
        prepared.clients, prepared.apps = work.columns.clients, work.columns.apps
        prepared.days = partitions.days_with(work.columns.timestamp, partitions.ADOPT_ROWS)
        columns, metadata, of_events = rows.event_rows(work.columns, relays("events"), fixed, work.metadata)
        prepared.tables.append(encoded("traffic_events_raw", columns, metadata))
        facts.append(of_events)
    if work.deliveries:
        columns, of_deliveries = rows.delivery_rows(work.deliveries, relays("deliveries"), prepared.clients)
        prepared.tables.append(encoded("deliveries_raw", columns))
        facts.append(of_deliveries)
    prepared.seen = [(part["client_no"], part["timestamp"]) for part in facts]
    if work.connections:
        columns, sessions = rows.connection_rows(
            work.connections, relays("connections"), prepared.clients, prepared.apps
        )
        prepared.tables.append(encoded("connections_raw", columns))
        prepared.deltas.append(delta_of(SESSION, sessions))
        seen = [(prepared.clients[one.client], min(one.opened_at or LATER, one.closed_at)) for one in work.connections]
        prepared.seen.append((np.array([place for place, _ in seen]), np.array([first for _, first in seen])))
        prepared.identities = {one.client: one.identity for one in work.connections}
    if work.samples:
        samples = rows.sample_rows(work.samples, relays("samples"), first_worker)
        prepared.tables.append(encoded("connection_metrics_raw", samples))
        prepared.sample_times = [sample.timestamp for sample in work.samples]
        prepared.waiting = waiting_messages.rows(work.samples, relays("samples"), first_worker)
    if facts:
        together = facts[0]
        if len(facts) > 1:
            together = {name: np.concatenate([part[name] for part in facts]) for name in facts[0]}
        prepared.deltas += [delta_of(delta, together) for delta in DELTAS if delta is not SESSION]
    return prepared


def _cleaned(batches: Mapping[Key, Batch]) -> _Work:
    work = _Work(quarantines={key: Quarantine() for key in batches})
    told = {key: _as_columns(batch) for key, batch in batches.items()}
    whole = _whole(batches, told)
    parts = []
    for key, batch in batches.items():
        quarantine = work.quarantines[key]
        for refusal in batch.refusals:
            quarantine.take(refusal)
        relay = cleaning.printable(batch.relay)[: cleaning.LONGEST_APP] or "unknown"

        def take(
            name: str, into: list[Record], records: Iterable[Record], clean: Callable[[Record], Any],
            quarantine: Quarantine = quarantine, relay: str = relay,
        ) -> None:  # fmt: skip
            kept = cleaning.clean_records(records, clean, quarantine)
            into.extend(kept)
            work.relays.setdefault(name, []).append((relay, len(kept)))

        part, metadata = _events(batch, told[key] if whole is not None else None, quarantine)
        work.relays.setdefault("events", []).append((relay, len(metadata)))
        work.metadata += metadata
        if part is not None:
            parts.append(part)
        take("deliveries", work.deliveries, batch.deliveries, cleaning.clean_delivery)
        take("connections", work.connections, batch.connections, cleaning.clean_connection)
        take("samples", work.samples, batch.samples, cleaning.clean_sample)
        work.kept[key] = {
            record: kept[-1][1] for record, kept in zip(RECORDS, map(work.relays.__getitem__, LISTS), strict=True)
        }
    work.columns = whole or (concatenated(parts) if parts else None)
    return work


def _as_columns(batch: Batch) -> EventColumns | None:
    """None when there are no events, or columns cannot tell some value of them."""
    if not len(batch.events):
        return None
    return batch.events if isinstance(batch.events, EventColumns) else transpose(batch.events)


def _whole(batches: Mapping[Key, Batch], told: Mapping[Key, EventColumns | None]) -> EventColumns | None:
    """The events of all batches, if there are any and none of them needs cleaning."""
    parts = [part for part in told.values() if part is not None]
    if not parts or len(parts) < sum(len(batch.events) > 0 for batch in batches.values()):
        return None
    whole = concatenated(parts)
    return whole if whole.storable() else None


def _events(
    batch: Batch, clean: EventColumns | None, quarantine: Quarantine
) -> tuple[EventColumns | None, list[bytes | None]]:
    """A batch's events as columns, and their metadata as it is stored. `clean`: the events, if none needs cleaning."""
    if clean is not None:
        if clean.metadata is None:
            return clean, [None] * len(clean)
        each = [(None, None) if text is None else cleaning.clean_metadata(text) for text in clean.metadata]
        for place, (_, reason) in enumerate(each):
            if reason is not None:
                quarantine.add(clean[place], reason, refused=False)
        return clean, [value for value, _ in each]
    kept = cleaning.clean_records(batch.events, cleaning.clean_event, quarantine)
    metadata, failed = cleaning.encode_all_metadata([event.metadata for event in kept])
    for place, reason in failed:
        quarantine.add(kept[place], reason, refused=False)
    columns = transpose([msgspec.structs.replace(event, metadata=None) for event in kept])
    if columns is None and kept:
        raise AssertionError("an event was cleaned and still cannot be stored")
    return columns, metadata


def by_key(batches: Sequence[Batch]) -> dict[Key, Batch]:
    return {(batch.source, batch.sequence): batch for batch in batches}
