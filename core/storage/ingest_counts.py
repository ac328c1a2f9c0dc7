"""What became of every record: received = stored + quarantined + dropped + in flight, per source, in exact integers.

Counted in the transaction that stores the batch, so a batch that is stored once is counted once. What a producer counts
itself is cumulative: the highest number is the newest, in whatever order batches arrive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import psycopg

from core.records import Batch
from core.storage.ledger import Key

Kept = Mapping[Key, Mapping[str, int]]
"""How many of each kind of record of a batch are stored."""

# Sorted, so that two writers wait for each other in one order.
RUNS = """
INSERT INTO ingest_runs AS r (source, relay, worker, started_at, newest_at, ended)
SELECT source, relay, worker, timestamptz 'epoch' + started * interval '1 us',
       timestamptz 'epoch' + newest * interval '1 us', ended
FROM unnest(%s::text[], %s::text[], %s::integer[], %s::bigint[], %s::bigint[], %s::boolean[])
     AS new (source, relay, worker, started, newest, ended)
ORDER BY source
ON CONFLICT (source) DO UPDATE
SET newest_at = greatest(r.newest_at, excluded.newest_at), ended = r.ended OR excluded.ended"""

COUNTS = """
INSERT INTO ingest_counts AS c (source, record, fate, n)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS new (source, record, fate, n)
ORDER BY source, record, fate
ON CONFLICT (source, record, fate) DO UPDATE SET n = {merged}"""
ADD = COUNTS.format(merged="c.n + excluded.n")
RAISE = COUNTS.format(merged="greatest(c.n, excluded.n)")

UNKNOWN = "unknown"
"""The kind of records that cannot be read."""

Place = tuple[str, str, str]
"""Source, record and fate."""


def note(connection: psycopg.Connection[Any], batches: Mapping[Key, Batch], kept: Kept, first_worker: int = 0) -> None:
    """Count batches that are being stored, in the caller's transaction; what of them is not kept was refused.
    `first_worker`: the number of their worker 0 (`core.storage.hosts`)."""
    if not batches:
        return
    _note_runs(connection, batches, first_worker)
    added: Counter[Place] = Counter()
    highest: dict[Place, int] = {}
    for key, batch in batches.items():
        source, stored = batch.source, kept.get(key, {})
        for record, n in batch.sizes.items():
            added[source, record, "stored"] += stored.get(record, 0)
            added[source, record, "quarantined"] += n - stored.get(record, 0)
            if batch.counts is None:
                added[source, record, "received"] += n
        for refusal in batch.refusals:
            if refusal.refused:
                added[source, refusal.record, "quarantined"] += refusal.count
                added[source, refusal.record, "received"] += refusal.count if batch.counts is None else 0
        for place, n in _cumulative(batch):
            highest[place] = max(n, highest.get(place, 0))
    _merge(connection, ADD, added)
    _merge(connection, RAISE, highest)


def note_unreadable(connection: psycopg.Connection[Any], source: str, records: int) -> None:
    """Count the records of a batch whose bytes are damaged: of which kind they were is not known any more."""
    _merge(connection, ADD, {(source, UNKNOWN, "quarantined"): records})


def _merge(connection: psycopg.Connection[Any], statement: str, counts: Mapping[Place, int]) -> None:
    rows = [(*place, n) for place, n in sorted(counts.items()) if n]
    if rows:
        connection.execute(statement.encode(), [list(column) for column in zip(*rows, strict=True)])


def _cumulative(batch: Batch) -> list[tuple[Place, int]]:
    counts = batch.counts
    if counts is None:
        return []
    found = [((batch.source, record, "received"), n) for record, n in counts.received.items()]
    for reason, records in counts.dropped.items():
        found += [((batch.source, record, f"dropped:{reason}"), n) for record, n in records.items()]
    return found


def _note_runs(connection: psycopg.Connection[Any], batches: Mapping[Key, Batch], first_worker: int) -> None:
    runs: dict[str, list[Any]] = {}
    for batch in batches.values():
        counts = batch.counts
        worker, started = (None, None) if counts is None else (first_worker + counts.worker, counts.started_at)
        run = runs.setdefault(batch.source, [batch.source, batch.relay, worker, started, None, False])
        run[4] = max(run[4] or 0, batch.made_at) or None
        run[5] = run[5] or (counts is not None and counts.ended)
    connection.execute(RUNS, [list(column) for column in zip(*runs.values(), strict=True)])
