"""The writer: exactly once, right under concurrency, and never stopped by a bad record."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta

import psycopg
import pytest

from core.exceptions import DatabaseUnavailableError
from core.records import Batch, Connection, Delivery, Refusal
from core.storage.database import Database
from core.storage.payloads import decode_payload, encode_payload
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event, micros, sample


def connection(client: str) -> Connection:
    return Connection(7, client, "address", micros(NOON), micros(NOON) + 5_000_000)


def rows_of(database: Database, columns: str = "*", table: str = "traffic_events") -> list[tuple[object, ...]]:
    with database.borrow() as connection:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1".encode()).fetchall()


def test_an_event_comes_back_as_it_was_measured(any_database: Database) -> None:
    measured = event(
        NOON + timedelta(microseconds=123_456), "b" * 64, event_type="EVENT", outcome="rejected",
        error_code="rate-limited", response_time_ms=12.5, first_event_ms=0.25, bytes_in=501, bytes_out=99,
        payload_in=480, payload_out=90, events_out=7, kind=30023, event_id=bytes(range(32)), connection=(3 << 40) + 1,
        app="Damus", metadata={"reason": "slow down – « please »", "filters": 3},
    )  # fmt: skip
    with BatchWriter(any_database) as writer:
        result = writer.write([batch([measured])])
    assert (result.stored, result.events, result.refused) == ((("tap:test", 1),), 1, 0)
    stored = any_database.read("SELECT * FROM traffic_events").iloc[0].to_dict()
    assert stored.pop("id") > 0
    assert stored.pop("timestamp").to_pydatetime() == NOON + timedelta(microseconds=123_456)
    assert stored == {
        "event_id": bytes(range(32)).hex(), "client_id": "b" * 64, "event_type": "EVENT", "outcome": "rejected",
        "error_code": "rate-limited", "response_time_ms": 12.5, "first_event_ms": 0.25, "bytes_in": 501,
        "bytes_out": 99, "bytes_transferred": 600, "payload_in": 480, "payload_out": 90, "events_out": 7,
        "kind": 30023, "connection": (3 << 40) + 1, "app": "Damus", "relay": "relay.example",
        "metadata": {"reason": "slow down – « please »", "filters": 3},
    }  # fmt: skip
    assert verify(any_database) == []


def test_what_an_event_lacks_is_null(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch([event(event_type="CLOSE")])])
    columns = "event_id, error_code, response_time_ms, first_event_ms, kind, app, metadata"
    assert rows_of(database, columns) == [(None,) * 7]


def test_deliveries_connections_and_samples_are_stored(any_database: Database) -> None:
    delivery = Delivery(micros(NOON), "alice", 7, 3, 10, 2000, 5, 1900, 1)
    connection = Connection(7, "alice", "pubkey", micros(NOON), micros(NOON) + 5_000_000, 1000, "Damus", 10, 20, 4)
    seconds = [
        sample(worker=0, active_connections=5, peak_connections=6, events=10, cpu_percent=12.5, memory_bytes=2**35),
        sample(worker=1, active_connections=2, peak_connections=2, events=1),
    ]
    with BatchWriter(any_database) as writer:
        writer.write([batch(deliveries=[delivery], connections=[connection], samples=seconds)])
    assert rows_of(any_database, "connection, events_out, bytes_out, notices", "deliveries_raw") == [(7, 3, 2000, 1)]
    assert rows_of(any_database, "close_code, events, opened_at", "connections_raw") == [(1000, 4, NOON)]
    columns = "active_connections, peak_connections, events_per_second, cpu_usage, memory_usage"
    assert rows_of(any_database, columns, "connection_metrics") == [(7, 8, 11, 12.5, None)]
    assert rows_of(any_database, "client_id, identity, last_seen", "clients_seen") == [("alice", "pubkey", NOON)]
    traffic = "event_type_id, n, events_out, bytes_in, bytes_out"
    assert rows_of(any_database, traffic, "traffic_hour_delta") == [(0, 0, 3, 10, 2000)]
    assert verify(any_database) == []


def test_a_repeated_batch_is_stored_once(any_database: Database) -> None:
    with BatchWriter(any_database) as writer:
        assert writer.write([batch([event()])]).stored
        again = writer.write([batch([event()]), batch([event()], sequence=2), batch([event()], sequence=2)])
    assert (again.stored, again.skipped) == ((("tap:test", 2),), (("tap:test", 1),))
    assert len(rows_of(any_database)) == 2
    assert verify(any_database) == []


def test_two_writers_with_the_same_batches_store_each_once(database: Database) -> None:
    batches = [
        batch([event(client=f"client {(n * 7 + m) % 50}", app=f"app {m % 3}") for m in range(20)], sequence=n)
        for n in range(40)
    ]

    def store(order: list[Batch]) -> int:
        with BatchWriter(database) as writer:
            return sum(len(writer.write(order[at : at + 4]).stored) for at in range(0, len(order), 4))

    with ThreadPoolExecutor(3) as threads:
        stored = list(threads.map(store, [batches, batches[::-1], batches[20:] + batches[:20]]))
    assert sum(stored) == 40
    assert len(rows_of(database)) == 800
    numbers = [number for (number,) in rows_of(database, "client_no", "clients")]
    assert numbers == list(range(50)), "client numbers are dense"
    assert verify(database) == []


def test_a_prepared_group_is_stored_without_what_was_stored_meanwhile(any_database: Database) -> None:
    group = [
        batch([event(client=f"client {n}", app="Damus")], connections=[connection(f"guest {n}")], sequence=n)
        for n in range(1, 4)
    ]
    with BatchWriter(any_database) as writer, BatchWriter(any_database) as other:
        prepared = writer.prepare(group)
        other.write([group[1]])
        result = writer.store(prepared)
        again = writer.store(prepared)
    assert (result.stored, result.skipped) == ((("tap:test", 1), ("tap:test", 3)), (("tap:test", 2),))
    assert (again.stored, again.events, len(again.skipped)) == ((), 0, 3)
    assert sorted(rows_of(any_database, "client_id")) == [("client 1",), ("client 2",), ("client 3",)]
    names = [f"client {n}" for n in range(1, 4)] + [f"guest {n}" for n in range(1, 4)]
    assert rows_of(any_database, "client_id", "clients") == [(name,) for name in names]
    assert verify(any_database) == []


def test_what_was_prepared_can_be_stored_after_an_error(database: Database) -> None:
    group = [batch([event(client="bob"), event(client="bob"), event(client="carol")])]
    with BatchWriter(database) as writer:
        prepared = writer.prepare(group)
        with database.borrow() as connection:
            connection.execute("ALTER TABLE client_delta_packed ADD CONSTRAINT no_bob CHECK (2 > ALL (n))")
        with pytest.raises(psycopg.errors.CheckViolation):
            writer.store(prepared)
        with database.borrow() as connection:
            connection.execute("ALTER TABLE client_delta_packed DROP CONSTRAINT no_bob")
        writer.write([batch([event(client="alice")], sequence=2)])  # takes the number that the failed write gave
        assert writer.store(prepared).events == 3
    assert sorted(rows_of(database, "client_id")) == [("alice",), ("bob",), ("bob",), ("carol",)]
    assert verify(database) == []


def test_a_failed_write_leaves_nothing_and_can_be_repeated(database: Database) -> None:
    with database.borrow() as connection:
        connection.execute("ALTER TABLE client_delta_packed ADD CONSTRAINT no_bob CHECK (2 > ALL (n))")
    with BatchWriter(database) as writer:
        with pytest.raises(psycopg.errors.CheckViolation):
            writer.write([batch([event(client="bob"), event(client="bob")])])
        assert rows_of(database, "1", "clients") == rows_of(database, "1", "batches") == []
        with database.borrow() as connection:
            connection.execute("ALTER TABLE client_delta_packed DROP CONSTRAINT no_bob")
        writer.write([batch([event(client="carol")], sequence=2)])
        writer.write([batch([event(client="bob"), event(client="bob")])])
    assert rows_of(database, "client_no, client_id", "clients") == [(0, "carol"), (1, "bob")]
    assert verify(database) == []


def test_a_lost_connection_is_named_and_the_next_call_works(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch([event()])])
        with database.borrow() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(DatabaseUnavailableError):
            writer.write([batch([event()], sequence=2)])
        assert writer.write([batch([event()], sequence=2)]).stored
    assert len(rows_of(database)) == 2


POISON = {
    "NUL in the client": {"client": "a\0b"},
    "lone surrogate in the client": {"client": "\ud800"},
    "empty client": {"client": ""},
    "client of a megabyte": {"client": "x" * 2**20},
    "unknown outcome": {"outcome": "splendid"},
    "negative bytes": {"bytes_in": -1},
    "bytes beyond bigint": {"bytes_out": 2**70},
    "connection beyond bigint": {"connection": 2**64},
    "an IPv4 address as the client": {"client": "203.0.113.7"},
    "an IPv6 address as the client": {"client": "[2001:db8::7]:4711"},
    "events beyond integer": {"events_out": 2**31},
    "a text for a number": {"payload_in": "many"},
}
HALF_POISON = {
    "NUL in the app": ({"app": "Da\0mus"}, "app", "Da\ufffdmus"),
    "endless app": ({"app": "x" * 10_000}, "app", "x" * 200),
    "kind of 2^70": ({"kind": 2**70}, "kind", None),
    "negative kind": ({"kind": -1}, "kind", None),
    "time that is no number": ({"response_time_ms": math.nan}, "response_time_ms", None),
    "infinite time": ({"first_event_ms": math.inf}, "first_event_ms", None),
    "negative time": ({"response_time_ms": -0.5}, "response_time_ms", None),
    "short event id": ({"event_id": b"abc"}, "event_id", None),
    "unknown verb": ({"event_type": "HELLO"}, "event_type", "OTHER"),
    "unknown error code": ({"error_code": "nonsense"}, "error_code", "other"),
    "NUL in the metadata": ({"metadata": {"reason": "b\0 \\u0000"}}, "metadata", {"reason": "b\ufffd \\u0000"}),
    "address in the app": ({"app": "bot at 203.0.113.7"}, "app", "bot at [address]"),
    "metadata that is no JSON": ({"metadata": {"a": object()}}, "metadata", None),
}


@pytest.mark.parametrize("fields", POISON.values(), ids=POISON.keys())
def test_a_record_that_cannot_be_stored_does_not_cost_the_batch(database: Database, fields: dict[str, object]) -> None:
    with BatchWriter(database) as writer:
        result = writer.write([batch([event(client="good"), event(**fields), event(client="good")])])  # type: ignore[arg-type]
    assert (result.events, result.refused) == (2, 1)
    assert rows_of(database, "client_id") == [("good",)] * 2
    assert rows_of(database, "record, refused, n, length(sample) <= 500", "quarantine") == [("event", True, 1, True)]
    assert verify(database) == []


@pytest.mark.parametrize("at", [-1, 0, 2**62, -(2**62)])
def test_an_absurd_time_is_refused(database: Database, at: int) -> None:
    bad = event()
    bad.timestamp = at
    with BatchWriter(database) as writer:
        assert writer.write([batch([bad, event()])]).refused == 1
    assert rows_of(database, "reason", "quarantine") == [("timestamp is out of range",)]


@pytest.mark.parametrize(("fields", "column", "stored"), HALF_POISON.values(), ids=HALF_POISON.keys())
def test_a_part_that_cannot_be_stored_is_left_out_and_noted(
    database: Database, fields: dict[str, object], column: str, stored: object
) -> None:
    with BatchWriter(database) as writer:
        result = writer.write([batch([event(**fields)])])  # type: ignore[arg-type]
    assert (result.events, result.refused) == (1, 0)
    assert rows_of(database, column) == [(stored,)]
    assert rows_of(database, "record, reason, refused", "quarantine") == [
        ("event", f"{column} cannot be stored", False)
    ]
    assert verify(database) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"reason": "no", "content": "MARKER"}, {"reason": "no"}),
        ({"filters": [{"authors": ["MARKER"]}], "shape": "MARKER" * 9, "sub": {"x": "MARKER"}}, None),
        ({"filters": True, "inferred": 1, "identities": 2}, {"identities": 2}),
        ({"reason": "MARKER" * 2000}, None),
    ],
)
def test_metadata_off_the_list_is_left_out_and_counted_whoever_sent_it(
    database: Database, given: dict[str, object], kept: object
) -> None:
    with BatchWriter(database) as writer:
        assert writer.write([batch([event(metadata=given), event(metadata=given)], source="collector:x")]).events == 2
    assert rows_of(database, "metadata") == [(kept,)] * 2
    assert rows_of(database, "reason, n, refused, sample LIKE '%%MARKER%%'", "quarantine") == [
        ("metadata that is not on the list of what is kept", 2, False, False)
    ]


def test_an_address_in_a_refusal_is_masked_where_it_is_stored(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch([event(metadata={"reason": "blocked: 203.0.113.7, 2001:db8::7"})])])
    assert rows_of(database, "metadata") == [({"reason": "blocked: [address], [address]"},)]
    assert rows_of(database, "n", "quarantine") == []


def test_a_name_that_only_looks_like_an_address_is_kept(database: Database) -> None:
    with BatchWriter(database) as writer:
        assert writer.write([batch([event(client="key:1.2.3.4"), event(client="a.b:c", kind=-1)])]).events == 2


def test_other_records_are_cleaned_too(database: Database) -> None:
    records = batch(
        deliveries=[Delivery(micros(NOON), "alice", 1, 1, -5), Delivery(micros(NOON), "alice", 1, 1)],
        connections=[Connection(1, "alice", "address", micros(NOON), 2**62), Connection(1, "alice", "address", 0, 1)],
        samples=[sample(cpu_percent=math.nan), sample(worker=1, events=-1)],
    )
    with BatchWriter(database) as writer:
        result = writer.write([records])
    assert (result.deliveries, result.connections, result.samples, result.refused) == (1, 0, 1, 4)
    assert verify(database) == []


def test_a_result_names_what_it_counted(database: Database) -> None:
    with BatchWriter(database) as writer:
        assert writer.write([]).stored == ()
        counted = asdict(writer.write([batch([event(), event()], samples=[sample()])]))
    assert counted == {
        "stored": (("tap:test", 1),), "skipped": (), "events": 2, "deliveries": 0, "connections": 0, "samples": 1,
        "refused": 0,
    }  # fmt: skip


def test_what_was_refused_earlier_reaches_the_quarantine_with_the_batch(any_database: Database) -> None:
    refused = Refusal("event", "timestamp is out of range", True, 3, "17\0")
    left_out = Refusal("event", "a metadata key is not allowed", False, 2, "content")
    both = Batch("collector:x", 1, "relay.example", [event(NOON)], [], [], [], [refused, left_out])
    nothing_else = Batch("collector:x", 2, "relay.example", [], [], [], [], [refused])
    with BatchWriter(any_database) as writer:
        assert writer.write([both, nothing_else]).refused == 6
        assert writer.write([both, nothing_else]).stored == ()
    assert sorted(rows_of(any_database, "sequence, record, reason, refused, n, sample", "quarantine")) == [
        (1, "event", "a metadata key is not allowed", False, 2, "content"),
        (1, "event", "timestamp is out of range", True, 3, "17\ufffd"),
        (2, "event", "timestamp is out of range", True, 3, "17\ufffd"),
    ]


def test_a_single_batch_from_a_spool_may_tell_of_clients_without_events(database: Database) -> None:
    """Light traffic: a batch is stored alone, and what it delivered went to others than those who asked."""
    at = micros(NOON)
    told = Batch(
        "tap:relay:0:quiet", 1, "relay.example", [event(client="asks", app="Damus")], [Delivery(at, "listens", 1, 3)],
        [Connection(2, "leaves", "address", at, at + 1, app="Amethyst")], [],
    )  # fmt: skip
    with BatchWriter(database) as writer:
        result = writer.write([decode_payload(encode_payload(told))])
    assert (result.events, result.deliveries, result.connections, result.refused) == (1, 1, 1, 0)
    assert set(database.read("SELECT client_id FROM clients")["client_id"]) == {"asks", "listens", "leaves"}
