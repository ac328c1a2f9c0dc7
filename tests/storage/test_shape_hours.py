"""What query shapes cost is counted once an hour has ended, again when late rows come, and outlives its raw rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations, count
from string import ascii_letters
from typing import Any

from core import forgetting
from core.filter_shapes import NOT_TOLD, REST
from core.records import Event
from core.retention import applying
from core.settings import Settings
from core.storage import partitions, shape_hours
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.shape_hours import BY_SILENCE, BY_TIME, Counted
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_sequence = count(1)


def query(at: datetime = NOON, shape: str | None = "kinds×1", ms: float | None = 10.0, **fields: Any) -> Event:
    if ms is None:
        fields |= {"outcome": "unanswered", "error_code": "unanswered"}
    return event(at, response_time_ms=ms, metadata=None if shape is None else {"shape": shape}, **fields)


def write(database: Database, *events: Event) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch(events, sequence=next(_sequence))])


def rows(database: Database, hour: datetime = NOON) -> dict[str, tuple[int, int, int, float]]:
    """shape → n, unanswered, events_out, rt_sum."""
    with database.connect() as connection:
        found = connection.execute(
            "SELECT shape, n, unanswered, events_out, rt_sum FROM shape_hour WHERE bucket = %s", [hour]
        ).fetchall()
    return {shape: tuple(values) for shape, *values in found}


def test_an_hour_is_counted_when_it_has_ended(any_database: Database) -> None:
    write(any_database, query(events_out=5), query(ms=20.0), query(ms=None), query(NOON + HOUR), query(shape="ids×1"))
    write(any_database, query(event_type="COUNT"), event(NOON, event_type="EVENT", response_time_ms=3.0))
    assert shape_hours.count(any_database, NOON + HOUR - timedelta(seconds=1)) == Counted(0, 0)
    assert shape_hours.count(any_database, NOON + HOUR + timedelta(minutes=1)) == Counted(1, 5)
    assert rows(any_database, NOON + HOUR) == {}
    with any_database.connect() as connection:
        found = connection.execute(
            "SELECT t.name, shape, n, unanswered, events_out, rt_n, rt_sum FROM shape_hour"
            " JOIN event_types t USING (event_type_id) ORDER BY t.name, shape"
        ).fetchall()
    assert found == [
        ("COUNT", "kinds×1", 1, 0, 0, 1, 10.0),
        ("REQ", "ids×1", 1, 0, 0, 1, 10.0),
        ("REQ", "kinds×1", 3, 1, 5, 2, 30.0),
    ]
    assert verify(any_database) == []


def test_what_is_counted_is_not_counted_twice_but_for_late_rows(any_database: Database) -> None:
    write(any_database, query(), query(NOON + HOUR))
    later = NOON + 3 * HOUR
    assert shape_hours.count(any_database, later) == Counted(2, 2)
    fold(any_database, later)
    assert shape_hours.count(any_database, later) == Counted(0, 0), "a fold moves what was counted, and adds nothing"
    write(any_database, query(shape="ids×1"))
    assert verify(any_database) == [], "an hour that waits to be counted again is not wrong"
    assert shape_hours.count(any_database, later) == Counted(1, 2)
    assert rows(any_database) == {"kinds×1": (1, 0, 0, 10.0), "ids×1": (1, 0, 0, 10.0)}
    assert verify(any_database) == []


def test_hours_without_queries_need_no_counting(database: Database) -> None:
    write(database, event(NOON, event_type="EVENT"), event(NOON, event_type="CLOSE"))
    assert shape_hours.count(database, NOON + DAY) == Counted(0, 0)


def test_messages_that_came_without_a_shape_are_counted_too(database: Database) -> None:
    write(database, query(shape=None), query(shape="9f2c01d4e8ab"))
    shape_hours.count(database, NOON + DAY)
    assert set(rows(database)) == {NOT_TOLD, "9f2c01d4e8ab"}


def test_an_hour_of_very_many_shapes_stays_small_and_loses_nothing(any_database: Database) -> None:
    shapes = [f"#{one}×1 #{other}×1" for one, other in combinations(ascii_letters, 2)][:400]
    slow, quick = shapes[:BY_TIME], shapes[BY_TIME:]
    silent = [f"ids×1 #{letter}×1" for letter in ascii_letters]
    events = [query(shape=shape, ms=100.0) for shape in slow] + [query(shape=shape, ms=1.0) for shape in quick]
    events += [query(shape=shape, ms=None) for shape in silent for _ in range(2)]
    write(any_database, *events)
    shape_hours.count(any_database, NOON + DAY)
    found = rows(any_database)
    kept_silent = set(silent) & set(found)
    assert len(kept_silent) == BY_SILENCE
    assert set(found) == {*slow, *kept_silent, REST}
    lost = 2 * (len(silent) - BY_SILENCE)
    assert found[REST] == (len(quick) + lost, lost, 0, float(len(quick)))
    assert verify(any_database) == []


def test_it_outlives_raw_rows_and_is_counted_before_they_go(any_database: Database) -> None:
    partitions.ensure(any_database, NOON, before=1, after=30)
    write(any_database, query(), query(NOON + 20 * DAY))
    applying.apply(any_database, Settings(_env_file=None, raw_retention_days=10), NOON + 20 * DAY)
    assert any_database.read("SELECT count(*) AS n FROM traffic_events_raw")["n"].tolist() == [1]
    assert rows(any_database) == {"kinds×1": (1, 0, 0, 10.0)}
    write(any_database, query(shape="ids×1"))
    shape_hours.count(any_database, NOON + 30 * DAY)
    assert rows(any_database) == {"kinds×1": (1, 0, 0, 10.0)}, "its other rows are gone: it cannot be counted anew"
    assert verify(any_database) == []


def test_what_a_forgotten_client_asked_for_is_forgotten_too(any_database: Database) -> None:
    write(any_database, query(client="alice"), query(client="bob"))
    shape_hours.count(any_database, NOON + DAY)
    found = forgetting.rename(any_database, "alice", NOON + DAY, include_bills=False)
    forgetting.clear_raw(any_database, found.client_no, NOON + DAY)
    assert verify(any_database) == []
    assert shape_hours.count(any_database, NOON + DAY) == Counted(1, 2)
    assert rows(any_database) == {"kinds×1": (1, 0, 0, 10.0), NOT_TOLD: (1, 0, 0, 10.0)}
    assert verify(any_database) == []


def test_one_that_is_asked_to_stop_goes_on_where_it_stopped(database: Database) -> None:
    write(database, query(), query(NOON + HOUR), query(NOON + 2 * HOUR))
    answers = iter([False, True])
    assert shape_hours.count(database, NOON + DAY, stopping=lambda: next(answers)) == Counted(1, 1)
    assert set(rows(database, NOON + 2 * HOUR)), "the newest first"
    assert shape_hours.count(database, NOON + DAY) == Counted(2, 2)


def test_verify_finds_what_is_wrong(any_database: Database) -> None:
    write(any_database, query(), query(shape="ids×1"))
    shape_hours.count(any_database, NOON + DAY)
    with any_database.borrow() as connection:
        connection.execute("UPDATE shape_hour SET n = 7 WHERE shape = 'ids×1'")
        connection.execute("DELETE FROM shape_hour WHERE shape = 'kinds×1'")
    found = {difference.key[3]: difference for difference in verify(any_database)}
    assert {difference.rollup for difference in found.values()} == {"shape_hour"}
    assert found["ids×1"].values == {"n": (7, 1)}
    assert found["kinds×1"].values["n"] == (None, 1)
