"""What became of every record: exact, whatever is stored twice, late, out of order or not at all."""

from __future__ import annotations

from core.records import Batch, Counts, Refusal
from core.storage.database import Database
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event, micros, sample

Fates = dict[str, int]


def fates(database: Database, source: str = "tap:test") -> Fates:
    with database.borrow() as connection:
        rows = connection.execute(
            "SELECT fate, sum(n)::bigint FROM ingest_counts WHERE source = %s GROUP BY fate", [source]
        )
        return dict(rows.fetchall())


def counted(sequence: int, received: int, dropped: int = 0, *, ended: bool = False) -> Batch:
    """One event of a run that has received this many until now."""
    made = batch([event()], sequence=sequence)
    made.made_at = micros(NOON) + sequence
    made.counts = Counts(0, micros(NOON), {"event": received}, {"spool": {"event": dropped}}, ended)
    return made


def test_records_of_a_producer_that_drops_nothing_are_received_when_they_arrive(any_database: Database) -> None:
    with BatchWriter(any_database) as writer:
        writer.write([batch([event(), event(outcome="no outcome")], samples=[sample()])])
    assert fates(any_database) == {"received": 3, "stored": 2, "quarantined": 1}


def test_what_was_refused_before_it_came_counts_as_received_and_quarantined(database: Database) -> None:
    made = batch([event()])
    made.refusals = [Refusal("event", "no client", True, 4, ""), Refusal("event", "no kind", False, 2, "")]
    with BatchWriter(database) as writer:
        writer.write([made])
    assert fates(database) == {"received": 5, "stored": 1, "quarantined": 4}


def test_a_batch_that_comes_twice_counts_once(database: Database) -> None:
    with BatchWriter(database) as writer:
        for _ in range(2):
            writer.write([counted(1, received=1)])
        writer.write([counted(1, received=1), counted(2, received=2)])
    assert fates(database) == {"received": 2, "stored": 2}


def test_the_newest_counts_of_a_run_stand_in_whatever_order_its_batches_are_stored(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([counted(3, received=10, dropped=7, ended=True)])
        writer.write([counted(1, received=1), counted(2, received=6, dropped=4)])
    assert fates(database) == {"received": 10, "stored": 3, "dropped:spool": 7}
    with database.borrow() as connection:
        row = connection.execute("SELECT worker, ended, newest_at - started_at FROM ingest_runs").fetchone()
    assert row is not None
    assert (row[0], row[1], row[2].microseconds) == (0, True, 3)


def test_a_refused_batch_is_quarantined_once_and_nothing_waits_for_its_number(database: Database) -> None:
    refused = counted(1, received=1)
    with BatchWriter(database) as writer:
        for _ in range(2):
            writer.refuse(refused, "refused by the database", "kept as a file")
        writer.write([refused, counted(2, received=2)])
        writer.refuse(batch(sequence=3), "damaged in the spool", unreadable=5)
    assert fates(database) == {"received": 2, "stored": 1, "quarantined": 6}
    with database.borrow() as connection:
        rows = connection.execute("SELECT sequence, record, refused, n FROM quarantine ORDER BY 1").fetchall()
        assert rows == [(1, "batch", True, 1), (3, "batch", True, 5)]
        assert connection.execute("SELECT sequence FROM batches ORDER BY 1").fetchall() == [(1,), (2,), (3,)]
