"""Traffic written through the real writer, as the tap would have measured it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from core.records import Batch, Event, Sample
from core.storage.database import Database
from core.storage.writer import BatchWriter

_sequence = count(1)


def write(database: Database, events: list[Event], samples: list[Sample]) -> None:
    """Store one batch of the relay `relay.example`."""
    with BatchWriter(database) as writer:
        writer.write([Batch("tap:test:0:spool", next(_sequence), "relay.example", events, [], [], samples)])


def micro(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def messages(now: datetime, number: int, event_type: str = "REQ", client: str = "address:1") -> list[Event]:
    """`number` answered messages, one per second up to two seconds before `now`."""
    return [
        Event(
            micro(now - timedelta(seconds=2 + position)),
            client,
            event_type,
            "ok",
            response_time_ms=10.0 + position,
            bytes_in=200,
            bytes_out=1000,
            payload_in=190,
            payload_out=980,
            kind=1 if event_type == "EVENT" else None,
        )
        for position in range(number)
    ]


def refusal(now: datetime, reason: str, client: str = "address:1") -> Event:
    """An EVENT that the relay refused with `reason`, `rate-limited`."""
    return Event(
        micro(now - timedelta(seconds=3)),
        client,
        "EVENT",
        "rejected",
        "rate-limited",
        response_time_ms=4.2,
        bytes_in=300,
        bytes_out=100,
        payload_in=290,
        payload_out=95,
        kind=1,
        metadata={"reason": reason},
    )


def samples(now: datetime, seconds: int = 60, connections: int = 42, events: int = 7) -> list[Sample]:
    """One sample per second up to the second before `now`."""
    end = now.replace(microsecond=0)
    return [
        Sample(
            micro(end - timedelta(seconds=1 + position)),
            0,
            connections,
            connections + 3,
            0,
            0,
            events,
            events * 10,
            events * 200,
            events * 1000,
            cpu_percent=25.0,
            memory_percent=50.0,
            memory_bytes=8_000_000_000,
            disk_percent=40.0,
            disk_bytes=100_000_000_000,
        )
        for position in range(seconds)
    ]
