"""Packed sums of clients by kind: true at every moment, whatever is packed, late, or not merged yet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.records import Event
from core.storage import client_days, client_kind_packs
from core.storage.client_kind_sums import kind_sums, steps_of_senders
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.kind_columns import MEASURES, RT_UNIT
from core.storage.reading import reading
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.reports.oracle import forget_built_days
from tests.support.clearing import clear
from tests.support.records import batch, event

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIRST = datetime.combine(
    client_days.block_start(datetime(2026, 3, 10, tzinfo=UTC).date(), 64), datetime.min.time(), UTC
)
EVER = (FIRST - DAY, FIRST + 200 * DAY)


def sent(at: datetime, client: str = "alice", kind: int = 1, ms: float = 10.0) -> Event:
    return event(at, client, event_type="EVENT", kind=kind, response_time_ms=ms)


def write(database: Database, sequence: int, *events: Event) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch(events, sequence=sequence)])


def sums(
    database: Database, start: datetime, end: datetime, kind: int = 1, measures: Sequence[str] = MEASURES
) -> dict[str, dict[str, int]]:
    """client_id → measures, of those that sent any."""
    with database.borrow() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with reading(connection) as read:
            found = kind_sums(read, start, end, measures, kind)
        names = dict(connection.execute("SELECT client_no, client_id FROM clients").fetchall())
    rows = zip(*(found.measures[name].tolist() for name in measures), strict=True)
    each = zip(found.clients.tolist(), rows, strict=True)
    return {names[number]: dict(zip(measures, row, strict=True)) for number, row in each if any(row)}


def senders(database: Database, edges: Sequence[datetime], kind: int = 1) -> set[tuple[int, str]]:
    with database.borrow() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with reading(connection) as read:
            found = steps_of_senders(read, edges, kind)
        names = dict(connection.execute("SELECT client_no, client_id FROM clients").fetchall())
    return {(step, names[number]) for step, number in found.tolist()}


def mark(database: Database) -> datetime:
    with database.borrow() as connection:
        return client_kind_packs.packed_before(connection)


def happened(one: Event) -> datetime:
    return datetime.fromtimestamp(one.timestamp / 1e6, UTC)


moments = st.integers(0, 70 * 24).map(lambda hours: FIRST + hours * HOUR)
records = st.builds(
    lambda at, client, kind, outcome, ms, size: event(
        at, client, event_type="EVENT", kind=kind, outcome=outcome,
        error_code=None if outcome in ("ok", "duplicate") else "blocked",
        response_time_ms=None if outcome == "unanswered" else ms, bytes_in=size,
    ),
    moments, st.sampled_from(["alice", "bob", "carol"]), st.sampled_from([1, 7, None]),
    st.sampled_from(["ok", "ok", "duplicate", "rejected", "unanswered"]), st.floats(0.01, 60_000),
    st.integers(1, 2**40),
)  # fmt: skip


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    steps=st.lists(st.tuples(st.lists(records, max_size=6), moments | st.none()), min_size=1, max_size=5),
    edges=st.lists(moments, min_size=2, max_size=6, unique=True).map(sorted),
    kind=st.sampled_from([1, 7]),
)
def test_sums_and_senders_are_exact_at_every_moment(
    database: Database, steps: list[tuple[list[Event], datetime | None]], edges: list[datetime], kind: int
) -> None:
    clear(database)
    forget_built_days(database)
    stored: list[Event] = []
    for sequence, (events, folded) in enumerate(steps, 1):
        write(database, sequence, *events)
        stored += events
        if folded is not None:
            fold(database, folded)
        of_kind = [one for one in stored if one.kind == kind]
        wanted: dict[str, Counter[str]] = {}
        times: defaultdict[str, float] = defaultdict(float)
        for one in of_kind:
            if edges[0] <= happened(one) < edges[-1]:
                times[one.client] += one.response_time_ms or 0
                wanted.setdefault(one.client, Counter()).update(
                    n=1, accepted=one.outcome == "ok", duplicate=one.outcome == "duplicate",
                    rejected=one.outcome == "rejected", errors=one.error_code is not None,
                    unanswered=one.outcome == "unanswered", bytes_in=one.bytes_in, bytes_out=one.bytes_out,
                    rt_n=one.response_time_ms is not None,
                )  # fmt: skip
        found = sums(database, edges[0], edges[-1], kind)
        assert found.keys() == wanted.keys()
        for client, counts in wanted.items():
            assert {name: found[client][name] for name in counts} == counts
            assert found[client]["rt_units"] * RT_UNIT == pytest.approx(times[client], rel=1e-5, abs=0.01)
        assert senders(database, edges, kind) == {
            (step, one.client)
            for step, (start, end) in enumerate(pairwise([EVER[0], *edges]), -1)
            for one in of_kind
            if start <= happened(one) < end
        }
    assert verify(database) == []


def test_a_history_from_before_there_were_packs_is_packed_some_days_at_a_time(any_database: Database) -> None:
    days = 2 * client_kind_packs.AT_ONCE + 3
    now = FIRST + 90 * DAY + 5 * HOUR
    # with a gap, which takes no fold
    stored = [FIRST + (n if n < 10 else 50 + n) * DAY for n in range(days)]
    write(any_database, 1, *(sent(at, ms=1.5) for at in stored))
    edges = [FIRST + n * DAY - 2 * HOUR for n in range(90)]
    active = senders(any_database, edges)
    total = sums(any_database, *EVER)
    assert total["alice"]["n"] == days
    assert total["alice"]["rt_units"] == days * 1536
    for upto in (stored[client_kind_packs.AT_ONCE], stored[2 * client_kind_packs.AT_ONCE], now):
        fold(any_database, now)
        assert mark(any_database) == upto
        assert sums(any_database, *EVER) == total
        assert sums(any_database, FIRST + 3 * DAY, now)["alice"]["n"] == days - 3
        assert senders(any_database, edges) == active
        assert verify(any_database) == []


def test_an_hour_is_packed_when_it_has_ended_and_takes_late_rows(any_database: Database) -> None:
    noon = FIRST + 12 * HOUR
    write(any_database, 1, sent(noon), sent(noon + HOUR, "bob"))
    fold(any_database, noon + HOUR + timedelta(minutes=1))
    assert packs(any_database) == {(1, noon, 1), (24, FIRST, 1)}
    write(any_database, 2, sent(noon - HOUR, kind=7), sent(noon))
    fold(any_database, noon + HOUR + timedelta(minutes=2))
    assert packs(any_database) == {(1, noon, 1), (24, FIRST, 1), (1, noon - HOUR, 7), (24, FIRST, 7)}
    assert verify(any_database) == []
    fold(any_database, FIRST + DAY)
    write(any_database, 3, sent(noon, "carol", ms=0.5))
    fold(any_database, FIRST + DAY)
    assert {place for place in packs(any_database) if place[0] > 1} == {
        (hours, FIRST, kind) for hours in (24, 192, 1536) for kind in (1, 7)
    }
    assert verify(any_database) == []
    assert {name: of["n"] for name, of in sums(any_database, FIRST, FIRST + DAY).items()} == {
        "alice": 2, "bob": 1, "carol": 1,
    }  # fmt: skip


def packs(database: Database) -> set[tuple[int, datetime, int]]:
    with database.borrow() as connection:
        rows = connection.execute("SELECT hours, bucket, kind FROM client_kind_pack").fetchall()
    return {(hours, bucket.astimezone(UTC), kind) for hours, bucket, kind in rows}


@pytest.mark.parametrize("hours_kept", [True, False])
def test_what_an_earlier_version_folded_beside_is_found_within_the_hour(database: Database, hours_kept: bool) -> None:
    """It knows no packs, so its fold does not add late rows to them."""
    now = FIRST + 10 * DAY
    write(database, 1, *(sent(FIRST + n * DAY) for n in range(10)))
    for _ in range(2):
        fold(database, now)
    before = packs(database)
    with database.borrow() as connection:
        connection.execute(
            """INSERT INTO client_kind_hour
               SELECT bucket, relay_id, client_no, 7, n, accepted, duplicate, rejected, errors, unanswered, bytes_in,
                   bytes_out, payload_in, payload_out, rt_n, rt_sum
               FROM client_kind_hour WHERE bucket = %s""",
            [FIRST],
        )
        connection.execute(
            """INSERT INTO kind_day
               SELECT day, relay_id, 7, n, accepted, duplicate, rejected, errors, unanswered,
                   events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum
               FROM kind_day WHERE day = %s""",
            [FIRST.date()],
        )
        if not hours_kept:
            connection.execute("DELETE FROM client_kind_hour WHERE bucket = %s AND kind = 1", [FIRST])
    fold(database, now)
    assert packs(database) == before
    fold(database, now + HOUR)
    if hours_kept:
        assert packs(database) == before | {(hours, FIRST, 7) for hours in (1, 24, 192, 1536)}
        assert sums(database, FIRST, now, 7)["alice"]["n"] == 1
        assert [one for one in verify(database) if one.rollup == "client_kind_pack"] == []
    else:
        assert packs(database) == before, "to pack it anew from what is left of its hours would lose what there was"


def test_verify_finds_what_is_wrong(database: Database) -> None:
    write(database, 1, sent(FIRST), sent(FIRST, "bob"))
    fold(database, FIRST + 9 * DAY)
    assert verify(database) == []
    for hours, change in ((24, "n = '\\x0102'"), (192, "bytes_in = '\\x0101'"), (1, "client_no = '\\x0007'")):
        with database.borrow() as connection:
            kept = connection.execute("SELECT * FROM client_kind_pack WHERE hours = %s", [hours]).fetchall()
            connection.execute(f"UPDATE client_kind_pack SET {change} WHERE hours = {hours}".encode())
        found = [one for one in verify(database) if one.key[0] == hours]
        assert [one.rollup for one in found] == ["client_kind_pack"]
        with database.borrow() as connection:
            connection.execute("DELETE FROM client_kind_pack WHERE hours = %s", [hours])
            places = ", ".join(["%s"] * len(kept[0]))
            connection.execute(f"INSERT INTO client_kind_pack VALUES ({places})".encode(), kept[0])
    assert verify(database) == []
