"""Days of query shapes say what their hours say, are made anew when these change, and outlive raw rows as they do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import forgetting, reports
from core.filter_shapes import NOT_TOLD, REST
from core.storage import shape_days, shape_hours
from core.storage.database import Database
from core.storage.reading import reading
from core.storage.shape_bins import ENTRY
from core.storage.shape_days import Costs, together
from core.storage.shape_hours import BY_SILENCE, BY_TIME
from core.storage.verify import verify
from tests.storage.test_shape_hours import query, write
from tests.support.records import NOON

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0)
LATER = MIDNIGHT + 5 * DAY + HOUR


def counted(database: Database, now: datetime = LATER) -> int:
    """As the job does it; how many days were made."""
    shape_hours.count(database, now)
    return shape_days.make(database, now)


def rows(database: Database, day: datetime = MIDNIGHT) -> dict[str, tuple[int, int, int, float]]:
    """shape → n, unanswered, events_out, rt_sum."""
    with database.connect() as connection:
        found = connection.execute(
            "SELECT shape, n, unanswered, events_out, rt_sum FROM shape_day WHERE day = %s", [day.date()]
        ).fetchall()
    return {shape: tuple(values) for shape, *values in found}


def read_as(
    database: Database, start: datetime, end: datetime
) -> tuple[list[datetime], list[tuple[datetime, datetime]]]:
    """What a report reads of a range: days, and hours from and to."""
    with database.borrow() as connection, reading(connection) as read:
        found = shape_days.parts(read, start, end)
    midnights = [datetime.combine(day, datetime.min.time(), UTC) for day in found["utc_days"]]
    return midnights, list(zip(found["firsts"], found["lasts"], strict=True))


def pack(bins: dict[int, int]) -> bytes:
    return np.array(sorted(bins.items()), dtype=ENTRY).tobytes()


costs = st.builds(
    Costs, st.integers(1, 2), st.integers(1, 2), st.sampled_from(["ids×1", "kinds×1", REST, NOT_TOLD]),
    st.integers(1, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9),
    st.integers(0, 9000).map(lambda units: units / 1024),
    st.dictionaries(st.integers(-40, 200), st.integers(1, 9), max_size=4).map(pack),
)  # fmt: skip


@given(st.lists(costs, max_size=12))
def test_hours_together_are_their_sums_by_key(hours: list[Costs]) -> None:
    made = together(hours)
    keys = [row[:3] for row in made]
    assert keys == sorted({row[:3] for row in hours})
    for row in made:
        same = [one for one in hours if one[:3] == row[:3]]
        for name in ("n", "unanswered", "events_out", "rt_n", "rt_sum"):
            assert getattr(row, name) == sum(getattr(one, name) for one in same)
        entries = [entry for one in same for entry in np.frombuffer(one.bins, dtype=ENTRY).tolist()]
        expected: dict[int, int] = {}
        for number, n in entries:
            expected[number] = expected.get(number, 0) + n
        assert row.bins == pack(expected)


def test_a_day_of_very_many_shapes_stays_small_and_loses_nothing() -> None:
    slow = [Costs(1, 2, f"slow {n}", 1, 0, 0, 1, 100.0, pack({5: 1})) for n in range(BY_TIME)]
    quick = [Costs(1, 2, f"quick {n}", 1, 0, 0, 1, 1.0, pack({1: 1})) for n in range(70)]
    silent = [Costs(1, 2, f"silent {n}", 2, 2, 0, 0, 0.0, b"") for n in range(BY_SILENCE + 3)]
    before = Costs(1, 2, REST, 7, 0, 0, 7, 7000.0, pack({1: 3, 9: 4}))
    made = {row.shape: row for row in together([*quick, before, *silent, *slow])}
    assert len(made) == BY_TIME + BY_SILENCE + 1
    assert {row.shape for row in slow} < made.keys()
    assert made[REST] == Costs(1, 2, REST, 7 + 70 + 6, 6, 0, 77, 7070.0, pack({1: 73, 9: 4}))


def test_a_day_is_made_when_it_has_ended(any_database: Database) -> None:
    write(any_database, query(events_out=5), query(NOON + HOUR, ms=20.0), query(ms=None), query(shape="ids×1"))
    assert counted(any_database, MIDNIGHT + DAY - HOUR) == 0
    assert counted(any_database, MIDNIGHT + DAY) == 1
    assert rows(any_database) == {"kinds×1": (3, 1, 5, 30.0), "ids×1": (1, 0, 0, 10.0)}
    assert counted(any_database) == 0, "nothing came since"
    assert verify(any_database) == []


def test_a_day_that_late_rows_touch_is_read_by_hours_until_it_is_made_anew(any_database: Database) -> None:
    write(any_database, query(), query(NOON + DAY))
    assert counted(any_database) == 2
    whole = (MIDNIGHT, MIDNIGHT + 2 * DAY)
    assert read_as(any_database, *whole) == ([MIDNIGHT, MIDNIGHT + DAY], [])
    write(any_database, query(NOON + DAY, shape="ids×1"))
    shape_hours.count(any_database, LATER)
    assert read_as(any_database, *whole) == ([MIDNIGHT], [(MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)])
    assert reports.shapes(any_database, now=LATER, start=whole[0], end=whole[1]).frame["messages"].sum() == 3
    assert verify(any_database) == []
    assert shape_days.make(any_database, LATER) == 1
    assert read_as(any_database, *whole) == ([MIDNIGHT, MIDNIGHT + DAY], [])
    assert set(rows(any_database, MIDNIGHT + DAY)) == {"kinds×1", "ids×1"}


def test_days_of_other_zones_are_days_of_utc_and_hours_between(database: Database) -> None:
    write(database, *(query(NOON + n * DAY) for n in range(4)))
    counted(database)
    start, end = MIDNIGHT - HOUR, MIDNIGHT + 3 * DAY - HOUR
    assert read_as(database, start, end) == (
        [MIDNIGHT, MIDNIGHT + DAY],
        [(start, MIDNIGHT), (MIDNIGHT + 2 * DAY, end)],
    )
    assert read_as(database, NOON, NOON + 2 * HOUR) == ([], [(NOON, NOON + 2 * HOUR)])


@pytest.mark.parametrize("asked", [{}, {"sort": "p95"}, {"event_type": "COUNT"}, {"time_zone": "Pacific/Auckland"}])
def test_a_report_says_the_same_of_days_as_of_hours(database: Database, asked: dict[str, Any]) -> None:
    at: Callable[[int], datetime] = lambda n: MIDNIGHT + n * 5 * HOUR  # noqa: E731
    shapes = ["kinds×1", "ids×1", None]
    write(
        database,
        *(
            query(at(n), shape=shapes[n % 3], ms=None if n % 7 == 0 else 1.5 * n,
                  event_type="COUNT" if n % 4 == 0 else "REQ")
            for n in range(24)
        ),
    )  # fmt: skip
    span = {"start": MIDNIGHT.date(), "end": (MIDNIGHT + 4 * DAY).date()}
    shape_hours.count(database, LATER)
    by_hours = reports.shapes(database, now=LATER, **span, **asked)
    assert shape_days.make(database, LATER) == 5
    by_days = reports.shapes(database, now=LATER, **span, **asked)
    for name, frame in by_hours.tables.items():
        pd.testing.assert_frame_equal(frame, by_days[name])


def test_what_a_forgotten_client_asked_for_is_forgotten_too(any_database: Database) -> None:
    write(any_database, query(client="alice", shape="ids×1"), query(client="bob"))
    counted(any_database)
    found = forgetting.rename(any_database, "alice", LATER, include_bills=False)
    forgetting.clear_raw(any_database, found.client_no, LATER)
    assert counted(any_database) == 1
    assert rows(any_database) == {"kinds×1": (1, 0, 0, 10.0), NOT_TOLD: (1, 0, 0, 10.0)}
    assert verify(any_database) == []


def test_verify_finds_what_is_wrong(database: Database) -> None:
    write(database, query(), query(shape="ids×1"))
    counted(database)
    with database.borrow() as connection:
        connection.execute("UPDATE shape_day SET n = 7 WHERE shape = 'ids×1'")
        connection.execute("DELETE FROM shape_day WHERE shape = 'kinds×1'")
    found = {difference.key[3]: difference for difference in verify(database)}
    assert {difference.rollup for difference in found.values()} == {"shape_day"}
    assert found["ids×1"].values == {"n": (7, 1)}
    assert found["kinds×1"].values["n"] == (None, 1)
