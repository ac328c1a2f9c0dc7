"""Roll-ups: the same whatever the order of input, before and after the fold, and after retention."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.records import Delivery, Event
from core.storage import active_clients, client_bins, client_deltas, connection_hours, partitions
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.latency_bins import GAMMA
from core.storage.rollups import DELTAS, ROLLUPS, total_sql
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support import servers
from tests.support.records import NOON, batch, event, micros, sample

DAY = timedelta(days=1)
Totals = dict[str, list[tuple[Any, ...]]]


def totals(database: Database, *, raw_names: bool = False) -> Totals:
    """Every roll-up as reports see it, by client name (numbers depend on who came first)."""
    found = {}
    with database.borrow() as connection:
        for rollup in ROLLUPS:
            sums = ", ".join(total_sql(measure) for measure in rollup.measures)
            keys = ", ".join("client_id" if key == "client_no" else key for key in rollup.key_columns)
            joined = rollup.current + (" JOIN clients USING (client_no)" if "client_no" in rollup.keys else "")
            statement = f"SELECT {keys}, {sums} FROM {joined} GROUP BY {keys} ORDER BY {keys}"
            found[rollup.name] = connection.execute(statement.encode()).fetchall()
        for table, bucket in (("client_hour_latency", "bucket"), ("client_day_latency", "day")):
            keys = f"client_id, {bucket}, relay_id, event_type_id, bin"
            joined = f"{table} JOIN clients USING (client_no)"
            statement = f"SELECT {keys}, sum(n)::bigint FROM {joined} GROUP BY {keys} ORDER BY {keys}"
            found[table] = connection.execute(statement.encode()).fetchall()
        found["seen"] = connection.execute(
            "SELECT client_id, first_seen, last_seen FROM clients_seen ORDER BY 1"
        ).fetchall()
    return found


def deltas(database: Database) -> int:
    return sum(int(database.read(f"SELECT count(*) AS n FROM {delta.name}")["n"].iloc[0]) for delta in DELTAS)


def write(database: Database, *events: Event, sequence: int = 1) -> None:
    with BatchWriter(database) as writer:
        assert writer.write([batch(events, sequence=sequence)]).stored


def active(database: Database, start: date, end: date, event_type: str | None = None) -> int:
    """Distinct clients of the days [start, end), of which the bits of days and of hours agree."""
    chunks = """
        SELECT coalesce(sum(n), 0)::bigint AS n FROM (
            SELECT bit_count(bit_or(bits)) AS n FROM {table} JOIN event_types t USING (event_type_id)
            WHERE {time} >= %s AND {time} < %s AND t.name = coalesce(%s, 'DELIVERY')
            GROUP BY chunk) chunks"""
    by_day, by_hour = (
        int(database.read(chunks.format(table=table, time=time), [start, end, event_type])["n"].iloc[0])
        for table, time in (("active_day", "day"), ("active_hour", "bucket"))
    )
    assert by_day == by_hour
    return by_day


events = st.lists(
    st.builds(
        event,
        st.integers(-90_000_000, 90_000_000).map(lambda ms: NOON + timedelta(milliseconds=ms)),
        st.sampled_from(["alice", "bob", "carol"]),
        event_type=st.sampled_from(["EVENT", "REQ", "CLOSE"]),
        outcome=st.sampled_from(["ok", "duplicate", "rejected", "unanswered"]),
        error_code=st.sampled_from([None, "blocked", "unanswered"]),
        response_time_ms=st.none() | st.floats(0, 100_000),
        first_event_ms=st.none() | st.floats(0, 100_000),
        kind=st.none() | st.integers(0, 65535),
        bytes_in=st.integers(0, 2**40),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(events=events, data=st.data())
def test_shuffling_splitting_repeating_and_folding_change_nothing(
    server_dsn: str, events: list[Event], data: st.DataObject
) -> None:
    with servers.fresh_database(server_dsn) as whole, servers.fresh_database(server_dsn) as parts:
        write(whole, *events)
        shuffled = data.draw(st.permutations(events))
        cut = data.draw(st.integers(0, len(events)))
        batches = [batch(shuffled[:cut], sequence=2), batch(shuffled[cut:], sequence=1)]
        with BatchWriter(parts) as writer:
            for one in [*batches, *batches]:
                writer.write([one])
                if data.draw(st.booleans()):
                    fold(parts, NOON - 2 * DAY)
        assert totals(parts) == totals(whole)
        assert verify(parts) == verify(whole) == []


def test_a_fold_changes_no_total_and_a_second_one_nothing(any_database: Database) -> None:
    write(
        any_database,
        *(event(NOON + timedelta(seconds=n), f"client {n % 3}", response_time_ms=n / 7) for n in range(50)),
    )
    before = totals(any_database)
    assert deltas(any_database) > 0
    first = fold(any_database, NOON)
    assert first.folded
    assert first.moved["client_delta"] == 3
    assert deltas(any_database) == 0
    assert totals(any_database) == before
    assert sum(fold(any_database, NOON).moved.values()) == 0
    assert totals(any_database) == before
    assert verify(any_database) == []


def test_only_one_process_folds_at_a_time(database: Database) -> None:
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7130003)")
        assert not fold(database, NOON).folded
    assert fold(database, NOON).folded


def test_short_lived_rollups_are_pruned_and_still_verified(database: Database) -> None:
    write(database, event(NOON - timedelta(hours=3), response_time_ms=5), event(NOON, response_time_ms=5))
    result = fold(database, NOON)
    assert result.pruned == 2
    assert len(database.read("SELECT * FROM traffic_second")) == 1
    assert verify(database) == []


def test_first_and_last_seen_follow_late_rows(database: Database) -> None:
    write(database, event(NOON))
    write(database, event(NOON - DAY), event(NOON + DAY), sequence=2)
    fold(database, NOON)
    write(database, event(NOON - 2 * DAY), sequence=3)
    assert totals(database)["seen"] == [("alice", NOON - 2 * DAY, NOON + DAY)]
    fold(database, NOON)
    assert totals(database)["seen"] == [("alice", NOON - 2 * DAY, NOON + DAY)]


def arrays(database: Database, table: str) -> list[tuple[Any, ...]]:
    """How many bins each row holds as they are and packed, and their counts."""
    with database.borrow() as connection:
        return connection.execute(
            f"SELECT cardinality(bins), cardinality(packed_bins), packed_counts FROM {table}"
        ).fetchall()


def test_the_bins_of_busy_clients_are_packed(any_database: Database) -> None:
    many = [event(NOON, response_time_ms=7)] * (client_bins.PACK_ABOVE // 2)
    write(any_database, *many)
    fold(any_database, NOON)
    assert arrays(any_database, "client_hour") == [(len(many), None, None)]
    write(any_database, *many, event(NOON, response_time_ms=900), sequence=2)
    fold(any_database, NOON)
    assert arrays(any_database, "client_hour") == [(None, 2, [2 * len(many), 1])]
    write(any_database, event(NOON, response_time_ms=900), sequence=3)
    assert verify(any_database) == []
    fold(any_database, NOON + DAY)
    assert arrays(any_database, "client_hour") == [(1, 2, [2 * len(many), 1])]
    assert arrays(any_database, "client_day") == [(None, 2, [2 * len(many), 2])]
    write(any_database, *many, event(NOON, response_time_ms=900), sequence=4)
    fold(any_database, NOON + DAY)
    write(any_database, *many, sequence=5)
    fold(any_database, NOON + DAY)
    assert arrays(any_database, "client_hour") == [(None, 2, [4 * len(many), 3])]
    assert arrays(any_database, "client_day") == [(None, 2, [4 * len(many), 3])]
    assert verify(any_database) == []
    with any_database.borrow() as connection:
        connection.execute("UPDATE client_day SET packed_counts[1] = 0")
    assert {difference.rollup for difference in verify(any_database)} == {"client_day_latency"}


def test_what_one_fold_brings_of_a_busy_client_is_appended_packed(any_database: Database) -> None:
    distinct = client_bins.PACK_ABOVE // 2 + 1
    several = [event(NOON, response_time_ms=GAMMA ** (number + 0.5)) for number in range(distinct)] * 2
    quiet = event(NOON, "bob", response_time_ms=7)
    write(any_database, *several, quiet, event(NOON - timedelta(hours=1), response_time_ms=7))
    fold(any_database, NOON)
    assert sorted(arrays(any_database, "client_hour"), key=str) == [
        (1, None, None), (1, None, None), (None, distinct, [2] * distinct)
    ]  # fmt: skip
    assert verify(any_database) == []
    for sequence in range(2, 5):
        write(any_database, *several, sequence=sequence)
        fold(any_database, NOON)
        lengths = [packed for _, packed, _ in arrays(any_database, "client_hour") if packed]
        assert lengths == [distinct if sequence == 4 else sequence * distinct], "packed anew when it has grown long"
        assert verify(any_database) == []
    fold(any_database, NOON + DAY)
    write(any_database, *several, event(NOON - timedelta(hours=1), response_time_ms=7), sequence=5)
    fold(any_database, NOON + DAY)
    assert verify(any_database) == [], "of late rows, to the hour and to the day"


def test_what_has_waited_long_is_folded_in_parts(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_deltas, "AT_ONCE", 50)
    for sequence in range(1, 8):
        events = [event(NOON, f"client {client}", response_time_ms=7) for client in range(5 * sequence)]
        write(any_database, *events, sequence=sequence)
    assert fold(any_database, NOON).moved["client_delta"] == 140
    assert deltas(any_database) == 0
    assert verify(any_database) == []


def test_bits_count_the_distinct_clients_that_are_merged(any_database: Database) -> None:
    write(any_database, event(NOON - 2 * DAY, "alice"), event(NOON - DAY, "alice"), event(NOON - DAY, "bob"))
    write(any_database, event(NOON, "carol", event_type="REQ"), sequence=2)
    today = NOON.date()
    assert active(any_database, today - 2 * DAY, today + DAY) == 0
    fold(any_database, NOON)
    assert active(any_database, today - 2 * DAY, today + DAY) == 3
    assert active(any_database, today - 2 * DAY, today - DAY) == 1
    assert active(any_database, today, today + DAY, "REQ") == 1
    assert active(any_database, today, today + DAY, "EVENT") == 0
    write(any_database, event(NOON - 2 * DAY, "dora"), sequence=3)
    fold(any_database, NOON)
    assert active(any_database, today - 2 * DAY, today - DAY) == 2, "late rows count where they belong"
    assert verify(any_database) == []


def test_a_connection_without_messages_is_not_active(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch([event(NOON)], deliveries=[Delivery(micros(NOON), "silent", 5, bytes_out=70)])])
    fold(database, NOON)
    assert active(database, NOON.date(), NOON.date() + DAY) == 1
    assert verify(database) == []


def test_bits_set_anew_are_the_same(database: Database) -> None:
    write(database, *(event(NOON + timedelta(minutes=37 * n), f"client {n % 7}") for n in range(90)))
    fold(database, NOON)
    contents = "SELECT 'hour', bucket::text AS at, event_type_id, chunk, md5(bits::text) FROM active_hour UNION ALL \
                SELECT 'day', day::text, event_type_id, chunk, md5(bits::text) FROM active_day ORDER BY 1, 2, 3, 4"
    before = database.read(contents)
    with database.borrow() as connection:
        active_clients.rebuild(connection)
    pd.testing.assert_frame_equal(database.read(contents), before)


def test_bits_reach_beyond_one_chunk(database: Database) -> None:
    with database.borrow() as connection:
        connection.execute(
            "INSERT INTO clients SELECT n, 'old ' || n, 'address', NULL, now()"
            " FROM unnest(ARRAY[0, 65535, 65536, 200000]) AS n"
        )
    old = [event(NOON - DAY, f"old {n}") for n in (0, 65535, 65536, 200000)]
    write(database, *old, event(NOON - DAY, "new"))
    fold(database, NOON)
    assert database.read("SELECT chunk FROM active_day WHERE event_type_id = 0 ORDER BY 1")["chunk"].tolist() == [
        0,
        1,
        3,
    ]
    assert active(database, NOON.date() - DAY, NOON.date()) == 5
    assert verify(database) == []


def test_verify_names_a_corrupted_rollup(database: Database) -> None:
    write(database, event(NOON - DAY, response_time_ms=5), event(NOON - DAY, "bob"))
    fold(database, NOON)
    assert verify(database) == []
    with database.borrow() as connection:
        connection.execute("UPDATE traffic_hour SET bytes_in = bytes_in + 1")
        connection.execute("DELETE FROM latency_hour")
        connection.execute("UPDATE active_day SET bits = set_bit(bits, 77, 1) WHERE event_type_id = 0")
        connection.execute("DELETE FROM active_hour WHERE event_type_id = 0")
    found = {difference.rollup: difference for difference in verify(database)}
    assert set(found) == {"traffic_hour", "latency_hour", "latency_pack", "active_day", "active_hour"}
    assert found["traffic_hour"].values == {"bytes_in": (201, 200)}
    assert found["latency_hour"].values == {"n": (None, 1)}
    assert found["active_day"].values == {"surplus clients": (1, 0)}
    assert found["active_hour"].values == {"missing clients": (2, 0)}
    assert verify(database, start=NOON, end=NOON + DAY) == []


def test_verify_recounts_minutes_of_connections_that_have_ended(any_database: Database) -> None:
    with BatchWriter(any_database) as writer:
        seconds = [sample(NOON + timedelta(seconds=n), n % 2, active_connections=n, opened=1) for n in range(90)]
        writer.write([batch(samples=seconds)])
    assert verify(any_database) == [], "nothing is counted yet, and said to be due"
    fold(any_database, NOON + timedelta(seconds=70))
    assert verify(any_database) == []
    with any_database.borrow() as connection:
        connection.execute("UPDATE connection_minute SET opened = opened + 1")
    found = {(difference.rollup, difference.key[1]): difference.values for difference in verify(any_database)}
    hours_differ = {("connection_hour", -1): {"opened": (60, 61)}, ("connection_hour", 1): {"opened": (60, 61)}}
    assert found == {("connection_minute", 1): {"opened": (61, 60)}} | hours_differ
    with any_database.borrow() as connection:
        connection_hours.build(connection, [NOON])
    [minute] = verify(any_database)
    assert minute.rollup == "connection_minute", "hours are held to the minutes they are counted from"
    assert verify(any_database, start=NOON + timedelta(minutes=1)) == []
    partitions.drop_before(any_database, NOON + 2 * DAY)
    assert verify(any_database) == [], "what retention removed cannot be recounted"


def test_verify_names_hours_of_connections_that_differ_from_their_minutes(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch(samples=[sample(NOON, cpu_percent=2.0), sample(NOON + DAY)])])
    fold(database, NOON + 2 * DAY)
    assert verify(database) == []
    with database.borrow() as connection:
        connection.execute("UPDATE connection_hour SET cpu_sum = 2.001 WHERE relay_id = 1")
        connection.execute("DELETE FROM connection_hour WHERE relay_id = -1")
    found = [(one.rollup, *one.key, one.values.get("cpu_sum"), one.values.get("seconds")) for one in verify(database)]
    assert found == [
        ("connection_hour", NOON, -1, (None, 2.0), (None, 1)),
        ("connection_hour", NOON, 1, (2.001, 2.0), None),
        ("connection_hour", NOON + DAY, -1, None, (None, 1)),
        ("connection_hour", NOON + DAY, 1, (2.001, None), None),
    ]
    assert len(verify(database, start=NOON + DAY)) == 2


def test_retention_drops_raw_rows_and_keeps_rollups(any_database: Database) -> None:
    write(any_database, *(event(NOON - n * DAY, response_time_ms=3) for n in range(6)))
    partitions.ensure(any_database, NOON, before=3)
    fold(any_database, NOON)
    before = totals(any_database)
    partitions.drop_before(any_database, NOON - 2 * DAY)
    left = any_database.read('SELECT "timestamp" FROM traffic_events ORDER BY 1')["timestamp"]
    assert [moment.to_pydatetime() for moment in left] == [NOON - 2 * DAY, NOON - DAY, NOON]
    assert totals(any_database) == before
    assert verify(any_database) == []


def test_days_get_partitions_without_losing_what_default_held(database: Database) -> None:
    write(database, event(NOON), event(NOON + 9 * DAY), event(datetime(2001, 1, 1, tzinfo=UTC)))

    def lying_in() -> dict[str, int]:
        found = database.read(
            "SELECT tableoid::regclass::text AS part, count(*) AS n FROM traffic_events_raw GROUP BY 1"
        )
        return dict(zip(found["part"], found["n"], strict=True))

    assert lying_in() == {"traffic_events_raw_default": 3}
    assert partitions.ensure(database, NOON, before=0, after=0) == len(partitions.TABLES)
    assert lying_in() == {"traffic_events_raw_default": 2, "traffic_events_raw_20260310": 1}
    assert partitions.ensure(database, NOON, before=0, after=0) == 0
    assert partitions.adopt(database, rows=1) == 2
    assert "traffic_events_raw_default" not in lying_in()
    write(database, event(NOON), sequence=2)
    assert lying_in()["traffic_events_raw_20260310"] == 2
    assert verify(database) == []


def test_an_import_of_many_rows_makes_its_days(database: Database) -> None:
    write(database, *[event(NOON - 30 * DAY)] * partitions.ADOPT_ROWS)
    with database.borrow() as connection:
        assert partitions.existing(connection, "traffic_events_raw") == {NOON.date() - 30 * DAY}
