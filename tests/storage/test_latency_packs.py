"""Latency bins of hours and days that have ended, packed, and packed again when late rows come."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from core.records import Connection
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.latency_bins import bins_of
from core.storage.latency_packs import ENTRY
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event, micros

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0)


def packs(database: Database, event_type: int) -> dict[tuple[int, datetime], dict[int, int]]:
    """(hours, bucket) → bin → n."""
    with database.connect() as connection:
        cursor = connection.cursor(binary=True)
        rows = cursor.execute("SELECT hours, bucket, bins FROM latency_pack WHERE event_type_id = %s", [event_type])
        found = {(hours, bucket): np.frombuffer(bins, dtype=ENTRY) for hours, bucket, bins in rows.fetchall()}
    return {key: dict(zip(pack["bin"].tolist(), pack["n"].tolist(), strict=True)) for key, pack in found.items()}


def write(database: Database, sequence: int, *moments: datetime, ms: float = 10) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch([event(at, response_time_ms=ms, first_event_ms=ms) for at in moments], sequence=sequence)])


def test_hours_and_days_are_packed_when_they_have_ended(any_database: Database) -> None:
    ten, twenty = (int(bins_of(ms)) for ms in (10, 20))
    req = 2
    write(any_database, 1, NOON, NOON, NOON + HOUR)
    fold(any_database, NOON + HOUR)
    assert packs(any_database, req) == packs(any_database, -1) == {(1, NOON): {ten: 2}}
    assert verify(any_database) == []
    write(any_database, 2, NOON, ms=20)
    fold(any_database, NOON + HOUR)
    assert packs(any_database, req) == {(1, NOON): {ten: 2, twenty: 1}}, "a late row packs its hour again"
    fold(any_database, NOON + DAY)
    day = {(24, MIDNIGHT): {ten: 3, twenty: 1}}
    assert packs(any_database, req) == {(1, NOON): {ten: 2, twenty: 1}, (1, NOON + HOUR): {ten: 1}} | day
    write(any_database, 3, NOON - 3 * HOUR)
    fold(any_database, NOON + DAY)
    assert packs(any_database, req)[(24, MIDNIGHT)] == {ten: 4, twenty: 1}
    assert packs(any_database, -1) == packs(any_database, req)
    assert verify(any_database) == []
    with any_database.borrow() as connection:
        connection.execute("DELETE FROM latency_pack WHERE event_type_id = -1 AND hours = 24")
    [found] = verify(any_database)
    assert (found.rollup, found.key[:3]) == ("latency_pack", (24, MIDNIGHT, -1))


def test_lengths_of_connections_are_packed_with_what_they_last_together(any_database: Database) -> None:
    def end(sequence: int, *ends: datetime, seconds: int = 60) -> None:
        closed = [Connection(1, "alice", "address", micros(at) - seconds * 1_000_000, micros(at)) for at in ends]
        with BatchWriter(any_database) as writer:
            writer.write([batch(connections=closed, sequence=sequence)])

    def totals() -> dict[tuple[int, datetime], int]:
        with any_database.connect() as connection:
            rows = connection.execute(
                "SELECT hours, bucket, total FROM latency_pack WHERE event_type_id = -2"
            ).fetchall()
        return {(hours, bucket): total for hours, bucket, total in rows}

    minute, hour = int(bins_of(60_000)), int(bins_of(3_600_000))
    end(1, NOON, NOON, NOON + HOUR)
    fold(any_database, NOON + HOUR)
    assert packs(any_database, -2) == {(1, NOON): {minute: 2}}, "the hour that goes on is not packed"
    end(2, NOON, seconds=3600)
    fold(any_database, NOON + DAY)
    assert packs(any_database, -2) == {
        (1, NOON): {minute: 2, hour: 1}, (1, NOON + HOUR): {minute: 1}, (24, MIDNIGHT): {minute: 3, hour: 1}
    }  # fmt: skip
    assert totals() == {(1, NOON): 3_720_000, (1, NOON + HOUR): 60_000, (24, MIDNIGHT): 3_780_000}
    assert verify(any_database) == []
    with any_database.borrow() as connection:
        connection.execute("UPDATE latency_pack SET total = 1 WHERE event_type_id = -2 AND hours = 24")
    [found] = verify(any_database)
    assert (found.rollup, found.key[:3], found.values["total"]) == (
        "latency_pack", (24, MIDNIGHT, -2), (1, 3_780_000)
    )  # fmt: skip
