"""Records for tests: events and batches with only the fields that matter spelled out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.records import Batch, Connection, Delivery, Event, Sample

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
"""The moment around which tests happen."""


def micros(moment: datetime) -> int:
    """Microseconds since the Unix epoch."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def event(at: datetime = NOON, client: str = "alice", **fields: Any) -> Event:
    fields = {"event_type": "REQ", "outcome": "ok", "bytes_in": 100, "bytes_out": 200, **fields}
    return Event(micros(at), client, **fields)


def batch(
    events: Sequence[Event] = (), *, source: str = "tap:test", sequence: int = 1, relay: str = "relay.example",
    deliveries: Sequence[Delivery] = (), connections: Sequence[Connection] = (), samples: Sequence[Sample] = (),
) -> Batch:  # fmt: skip
    return Batch(source, sequence, relay, list(events), list(deliveries), list(connections), list(samples))


def sample(at: datetime = NOON, worker: int = 0, **fields: Any) -> Sample:
    numbers = dict.fromkeys(("active_connections", "peak_connections", "opened", "closed", "events"), 0)
    numbers |= {"frames_out": 0, "bytes_in": 0, "bytes_out": 0}
    return Sample(micros(at), worker, **{**numbers, **fields})
