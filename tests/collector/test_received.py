"""Which batches are known: each once, whatever the order, in as few rows as their numbers allow."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.collector.received import SCHEMA, Key, Received, key_of

HOUR = 500_000


def add(received: Received, key: Key, hour: int) -> bool:
    """Notes a batch; False when it was known."""
    gap = received.gap(key)
    if gap is not None:
        received.fill(key, gap, hour)
    return gap is not None


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.executescript(SCHEMA)
        yield made


def rows(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM received").fetchone()[0])


def test_a_batch_is_new_once(db: sqlite3.Connection) -> None:
    received = Received(db)
    for name in ("a", "a1", "a01", "1", "a1 ", "10", "01", ""):
        assert add(received, key_of("s", name), HOUR), name
        assert not add(received, key_of("s", name), HOUR), name
    assert add(received, key_of("other", "a1"), HOUR)


def test_a_sender_that_counts_costs_one_row(db: sqlite3.Connection) -> None:
    received = Received(db)
    for number in range(1000):
        assert add(received, key_of("s", f"relay-{number}"), HOUR)
    assert rows(db) == 1
    assert not add(received, key_of("s", "relay-500"), HOUR)


@given(st.lists(st.tuples(st.sampled_from(["s", "t"]), st.sampled_from(["", "x", "x0"]), st.integers(0, 12))))
def test_it_is_a_set(given_: list[tuple[str, str, int]]) -> None:
    """And its rows are as few as there are runs of neighbours."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(SCHEMA)
        received, known = Received(db), set()
        for source, prefix, number in given_:
            batch = f"{prefix}{number}"
            assert add(received, key_of(source, batch), HOUR) == ((source, batch) not in known)
            known.add((source, batch))
        keys = {key_of(*each) for each in known}
        assert rows(db) == sum((run, number - 1) not in keys for run, number in keys)


def test_what_was_not_added_to_for_long_is_forgotten(db: sqlite3.Connection) -> None:
    received = Received(db)
    add(received, key_of("s", "old"), HOUR)
    add(received, key_of("s", "run-1"), HOUR)
    add(received, key_of("s", "run-2"), HOUR + 10)
    received.forget_before(HOUR + 1)
    assert add(received, key_of("s", "old"), HOUR + 11)
    assert not add(received, key_of("s", "run-1"), HOUR + 11)


def test_too_many_rows_go_oldest_first_but_never_those_of_this_hour(db: sqlite3.Connection) -> None:
    received = Received(db)
    for hour in range(5):
        for number in range(10):
            add(received, key_of("s", f"{hour}/{number}/x"), HOUR + hour)
    assert received.forget_before(0, most_rows=25) == 30
    assert rows(db) == 20
    assert received.forget_before(0, most_rows=5) == 10
    assert not add(received, key_of("s", "4/0/x"), HOUR + 5)
