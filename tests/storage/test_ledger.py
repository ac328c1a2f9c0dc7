"""The ledger of stored batches: it stays small, and every batch still counts once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from core.storage import ledger
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event

LATER = timedelta(hours=2)


def store(database: Database, sequences: Iterable[int], source: str = "tap:test") -> int:
    """How many of these batches of one event were new."""
    with BatchWriter(database) as writer:
        batches = [batch([event(NOON)], sequence=sequence, source=source) for sequence in sequences]
        return len(writer.write(batches).stored)


def compact(database: Database, after: timedelta = LATER) -> int:
    with database.connect() as connection:
        return ledger.compact(connection, datetime.now(UTC) + after)


def rows(database: Database) -> list[int]:
    with database.borrow() as connection:
        return [row[0] for row in connection.execute("SELECT sequence FROM batches ORDER BY 1").fetchall()]


def events(database: Database) -> int:
    with database.borrow() as connection:
        row = connection.execute("SELECT count(*) FROM traffic_events").fetchone()
        return int(row[0]) if row else 0


def test_old_batches_become_a_watermark_and_still_count_once(any_database: Database) -> None:
    store(any_database, range(1, 8))
    assert compact(any_database, timedelta()) == 0  # too young
    assert compact(any_database) == 7
    assert rows(any_database) == []
    assert store(any_database, range(1, 10)) == 2
    assert rows(any_database) == [8, 9]
    assert events(any_database) == 9
    assert compact(any_database) == 2
    assert store(any_database, range(1, 10)) == 0
    assert verify(any_database) == []


def test_a_missing_batch_ends_the_run_and_can_still_come(database: Database) -> None:
    store(database, [1, 2, 4, 5])
    assert compact(database) == 2
    assert rows(database) == [4, 5]
    assert store(database, [3]) == 1
    assert compact(database) == 3
    assert store(database, [1, 2, 3, 4, 5]) == 0
    assert events(database) == 5


def test_sources_have_watermarks_of_their_own(database: Database) -> None:
    store(database, [1, 2, 3], "tap:one")
    store(database, [7, 8], "import:two")  # does not begin at 1: kept row by row
    assert compact(database) == 3
    assert rows(database) == [7, 8]
    assert store(database, [1, 2, 3], "tap:three") == 3


def test_repeats_during_compaction_are_stored_once(database: Database) -> None:
    store(database, range(1, 41))
    with ThreadPoolExecutor(3) as threads:
        compacted = threads.submit(lambda: [compact(database) for _ in range(40)])
        repeated = [threads.submit(store, database, range(1, 41)) for _ in range(12)]
        assert sum(done.result() for done in repeated) == 0
        compacted.result()
    compact(database)
    assert events(database) == 40
    assert rows(database) == []


def test_the_fold_compacts(database: Database) -> None:
    store(database, [1, 2])
    assert fold(database, datetime.now(UTC) + LATER).moved["batches"] == 2
