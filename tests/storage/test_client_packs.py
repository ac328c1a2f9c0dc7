"""Packed sums per client: true at every moment, whatever is packed, due, or not merged yet."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.records import Event
from core.storage import client_days, client_packs
from core.storage.client_sums import client_sums
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.reading import reading
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support import servers
from tests.support.records import batch, event

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIRST = datetime.combine(
    client_days.block_start(datetime(2026, 3, 10, tzinfo=UTC).date(), 64), datetime.min.time(), UTC
)


def sums(
    database: Database, start: datetime, end: datetime, event_type: str | None = None
) -> dict[str, tuple[int, int]]:
    """client_id → (messages, bytes in), of those that have any."""
    with database.borrow() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with reading(connection) as read:
            found = client_sums(read, start, end, ("n", "bytes_in"), event_type)
        names = dict(connection.execute("SELECT client_no, client_id FROM clients").fetchall())
    rows = zip(found.clients.tolist(), found.measures["n"].tolist(), found.measures["bytes_in"].tolist(), strict=True)
    return {names[number]: (n, size) for number, n, size in rows if n or size}


moments = st.integers(0, 70 * 24).map(lambda hours: FIRST + hours * HOUR)
records = st.builds(
    event, moments, st.sampled_from(["alice", "bob", "carol"]), event_type=st.sampled_from(["EVENT", "REQ"]),
    bytes_in=st.integers(1, 2**40),
)  # fmt: skip


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    steps=st.lists(st.tuples(st.lists(records, max_size=6), moments | st.none()), min_size=1, max_size=5),
    span=st.tuples(moments, moments),
    event_type=st.sampled_from([None, "REQ"]),
)
def test_sums_are_exact_at_every_moment(
    server_dsn: str, steps: list[tuple[list[Event], datetime | None]], span: tuple[datetime, datetime],
    event_type: str | None,
) -> None:  # fmt: skip
    start, end = min(span), max(span) + HOUR
    with servers.fresh_database(server_dsn) as database, BatchWriter(database) as writer:
        stored: list[Event] = []
        for sequence, (events, folded) in enumerate(steps, 1):
            writer.write([batch(events, sequence=sequence)])
            stored += events
            if folded is not None:
                fold(database, folded)
            wanted: Counter[str] = Counter()
            size: Counter[str] = Counter()
            for one in stored:
                at = datetime.fromtimestamp(one.timestamp / 1e6, UTC)
                if start <= at < end and event_type in (None, one.event_type):
                    wanted[one.client] += 1
                    size[one.client] += one.bytes_in
            assert sums(database, start, end, event_type) == {name: (n, size[name]) for name, n in wanted.items()}
        assert verify(database) == []


def due(database: Database) -> int:
    return len(database.read("SELECT * FROM client_pack_due"))


def test_days_that_late_rows_touch_are_packed_again_some_at_a_time(any_database: Database) -> None:
    days = 2 * client_packs.AT_ONCE
    now = FIRST + 64 * DAY
    with BatchWriter(any_database) as writer:
        writer.write([batch([event(FIRST + n * DAY) for n in range(days)])])
        fold(any_database, now)
        assert due(any_database) == 0
        assert verify(any_database) == []
        writer.write([batch([event(FIRST + n * DAY, "late") for n in range(days)], sequence=2)])
    for left in (days - client_packs.AT_ONCE, 0):
        fold(any_database, now)
        assert due(any_database) == left
        assert sums(any_database, FIRST, now)["late"][0] == days
        assert sums(any_database, FIRST + DAY, now)["late"][0] == days - 1
        assert verify(any_database) == []
    with any_database.borrow() as connection:
        connection.execute("UPDATE client_pack SET numbers = ''::bytea WHERE days = 64 AND measure = 'n'")
    assert {difference.rollup for difference in verify(any_database)} == {"client_pack"}


def test_the_hours_of_today_that_have_ended_are_packed(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch([event(FIRST + n * HOUR) for n in range(6)])])
        fold(database, FIRST + 4 * HOUR)
        assert sums(database, FIRST, FIRST + DAY)["alice"][0] == 6
        writer.write([batch([event(FIRST + HOUR)], sequence=2)])
        assert sums(database, FIRST, FIRST + DAY)["alice"][0] == 7
        fold(database, FIRST + 4 * HOUR)
        assert due(database) == 0, "today is packed again at once"
    assert sums(database, FIRST, FIRST + DAY)["alice"][0] == 7
    assert sums(database, FIRST, FIRST + 2 * HOUR)["alice"][0] == 3
    assert sums(database, FIRST + 2 * HOUR, FIRST + DAY)["alice"][0] == 4
