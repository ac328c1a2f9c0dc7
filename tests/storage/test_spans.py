"""Ranges put together from blocks of hours, days, 8 and 64 days: the same sums in few rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.storage import client_days, spans
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.spans import EPOCH, HOURS, Part, cover, within
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def hours(start: datetime, end: datetime) -> range:
    return range((start - EPOCH) // HOUR, (end - EPOCH) // HOUR)


@given(
    first=st.integers(480_000, 483_000),
    length=st.integers(1, 9000),
    known=st.just(client_days.NEVER) | st.dates(date(2024, 1, 1), date(2026, 1, 1)),
)
def test_the_parts_hold_every_hour_of_the_range_once(first: int, length: int, known: date) -> None:
    start = EPOCH + first * HOUR
    parts = cover(start, start + length * HOUR, known)
    found: Counter[int] = Counter()
    for part in parts:
        for hour in hours(part.start, part.end):
            found[hour] += part.sign
    assert {hour for hour, count in found.items() if count} == set(range(first, first + length))
    assert set(found.values()) <= {0, 1}
    for part in parts:
        assert part.hours in HOURS
        assert (part.start - EPOCH) % (part.hours * HOUR) == timedelta(0)
        assert (part.end - EPOCH) % (part.hours * HOUR) == timedelta(0)
        if part.hours > 1:
            assert part.end.date() <= known, "blocks are there only once their days have ended"


@given(first=st.integers(400_000, 480_000), length=st.integers(1, 24 * 400))
def test_no_length_is_needed_often(first: int, length: int) -> None:
    start = EPOCH + first * HOUR
    needed: Counter[int] = Counter()
    for part in cover(start, start + length * HOUR, date(2100, 1, 1)):
        needed[part.hours] += (part.end - part.start) // (part.hours * HOUR)
    assert needed[1] <= 24
    assert needed[24] <= 8
    assert needed[24 * 8] <= 8


@given(first=st.integers(480_000, 483_000), length=st.integers(0, 9000))
def test_parts_within_a_range_hold_every_hour_of_it_and_no_other(first: int, length: int) -> None:
    start = EPOCH + first * HOUR
    parts = within(start, start + length * HOUR)
    assert [hour for part in parts for hour in hours(part.start, part.end)] == list(range(first, first + length))
    for part in parts:
        assert part.hours in HOURS
        assert part.sign == 1
        assert (part.start - EPOCH) % (part.hours * HOUR) == timedelta(0)
        assert (part.end - EPOCH) % (part.hours * HOUR) == timedelta(0)


def test_sixty_days_are_sixty_four_less_four() -> None:
    start = datetime(1970, 1, 1, tzinfo=UTC) + 64 * 300 * DAY
    assert cover(start, start + 60 * DAY, date(2100, 1, 1)) == [
        Part(64 * 24, start, start + 64 * DAY, 1),
        Part(24, start + 60 * DAY, start + 64 * DAY, -1),
    ]


def blocks(database: Database) -> list[tuple[int, date, int, int]]:
    with database.borrow() as connection:
        return connection.execute("SELECT length, day, event_type_id, n FROM client_span ORDER BY 1, 2, 3").fetchall()


def test_blocks_are_built_when_their_days_have_ended_and_take_late_rows(any_database: Database) -> None:
    first = client_days.block_start(NOON.date(), 64)
    start = datetime.combine(first, datetime.min.time(), UTC)
    with BatchWriter(any_database) as writer:
        writer.write([batch([event(start), event(start + 7 * DAY), event(start + 8 * DAY)])])
        req = 2
        fold(any_database, start + 8 * DAY - HOUR)
        assert blocks(any_database) == [], "the eighth day is not over"
        fold(any_database, start + 8 * DAY)
        assert blocks(any_database) == [(8, first, -1, 2), (8, first, req, 2)]
        writer.write([batch([event(start + DAY), event(start + 9 * DAY)], sequence=2)])
        fold(any_database, start + 8 * DAY)
        assert blocks(any_database) == [(8, first, -1, 3), (8, first, req, 3)]
        assert verify(any_database) == []
        fold(any_database, start + 64 * DAY)
        assert [row for row in blocks(any_database) if row[2] == -1] == [
            (8, first, -1, 3), (8, first + 8 * DAY, -1, 2), (64, first, -1, 5),
        ]  # fmt: skip
        writer.write([batch([event(start + 9 * DAY, "bob")], sequence=3)])
        fold(any_database, start + 64 * DAY)
    assert sum(row[3] for row in blocks(any_database) if row[:3] == (64, first, -1)) == 6
    assert verify(any_database) == []
    with any_database.borrow() as connection:
        connection.execute("UPDATE client_span SET bytes_in = bytes_in + 1 WHERE length = 64 AND event_type_id = -1")
    assert {difference.rollup for difference in verify(any_database)} == {"client_span"}


@given(
    first=st.integers(480_000, 483_000),
    widths=st.lists(st.integers(1, 800), min_size=1, max_size=6),
    known=st.integers(478_000, 486_000),
)
def test_the_steps_of_buckets_hold_every_hour_once(first: int, widths: list[int], known: int) -> None:
    edges = [EPOCH + first * HOUR]
    for width in widths:
        edges.append(edges[-1] + width * HOUR)
    before = EPOCH + known // 24 * DAY
    parts = spans.steps(edges, before)
    found: Counter[tuple[int, int]] = Counter()
    for step, length, bucket, sign in zip(parts.steps, parts.hours, parts.buckets, parts.signs, strict=True):
        assert length == 1 or bucket + DAY <= before
        for hour in hours(bucket, bucket + length * HOUR):
            found[step, hour] += sign
    wanted = {(step, hour) for step in range(len(widths)) for hour in hours(edges[step], edges[step + 1])}
    assert {key for key, count in found.items() if count} == wanted
    assert set(found.values()) <= {0, 1}
