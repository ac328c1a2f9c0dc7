"""The traffic report against the same questions asked of the records themselves."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reports
from core.exceptions import BadParameterError
from core.records import Event
from core.storage.database import Database
from core.storage.fold import fold
from tests.reports import oracle
from tests.support.clearing import clear
from tests.support.records import event

MEASURES = {
    "events": None, "errors": "error", "unanswered": "unanswered", "events_out": "events_out", "bytes_in": "bytes_in",
    "bytes_out": "bytes_out",
}  # fmt: skip


def total(frame: pd.DataFrame, measure: str) -> int:
    source = MEASURES[measure]
    return len(frame) if source is None else int(frame[source].astype("int64").sum())


@given(
    history=oracle.HISTORY,
    days=oracle.RANGES,
    width=oracle.WIDTHS,
    zone=st.sampled_from(oracle.ZONES),
    filters=st.sampled_from(
        [
            {},
            {},
            {"event_type": "EVENT"},
            {"event_type": "REQ"},
            {"kind": 1},
            {"client": "address:1"},
            {"client": "address:1", "kind": 1},
        ]
    ),
)
@oracle.examples
def test_it_equals_a_recount_of_the_records(
    history: list[Event], days: tuple[date, date], width: str, zone: str, filters: dict[str, Any], database: Database
) -> None:
    clear(database)
    oracle.store(database, history)
    asked = {"start": days[0], "end": days[1], "granularity": width, "time_zone": zone, **filters}
    before_fold = reports.traffic(database, now=oracle.LATER, **asked)
    fold(database, oracle.LATER)
    result = reports.traffic(database, now=oracle.LATER, **asked)
    for name, frame in before_fold.tables.items():
        pd.testing.assert_frame_equal(frame, result[name])

    records = oracle.raw(history, zone)
    for column, value in filters.items():
        records = records[records[column] == value]
    inside = oracle.of_days(records, *days)
    expected = oracle.by_bucket(inside, width, days[0])
    timeline = result["timeline"]
    buckets = oracle.labels(timeline["timestamp"], width)
    assert set(expected) <= set(buckets)
    for label, row in zip(buckets, timeline.to_dict("records"), strict=True):
        part = expected.get(label, inside.iloc[:0])
        assert {name: row[name] for name in MEASURES} == {name: total(part, name) for name in MEASURES}
    if width == "hour":
        assert len(timeline) == oracle.hours_of(*days, zone)
    if width == "day":
        assert len(timeline) == (days[1] - days[0]).days + 1

    types = result["event_types"]
    assert dict(zip(types["event_type"], types["events"], strict=True)) == Counter(inside["event_type"])
    assert types["share"].sum() == pytest.approx(1 if len(inside) else 0)
    over_time = result["event_types_over_time"]
    assert over_time.groupby("event_type")["events"].sum().to_dict() == Counter(inside["event_type"])
    assert len(over_time) == len(timeline) * inside["event_type"].nunique()
    kinds = Counter(None if pd.isna(kind) else kind for kind in inside[inside["event_type"] == "EVENT"]["kind"])
    named = [None if pd.isna(kind) else kind for kind in result["kinds"]["kind"]]
    assert dict(zip(named, result["kinds"]["events"], strict=True)) == kinds

    weeks = timedelta(days=-(-((days[1] - days[0]).days + 1) // 7) * 7)
    before = oracle.of_days(records, days[0] - weeks, days[1] - weeks)
    for row in result["comparison"].to_dict("records"):
        assert (row["current"], row["previous"]) == (total(inside, row["measure"]), total(before, row["measure"]))


def test_a_running_day_compares_with_as_much_of_the_same_day_last_week(database: Database) -> None:
    def at(day: int, hour: int, minute: int = 0) -> Event:
        moment = datetime(2026, 4, day, hour, minute, tzinfo=oracle.NOW.tzinfo)
        return Event(int(moment.timestamp()) * 1_000_000, "a", "REQ", "ok")

    oracle.store(database, [at(3, 11, 59), at(3, 12), at(3, 23), at(10, 1), at(10, 11, 59), at(10, 12, 10), at(9, 1)])
    result = reports.traffic(database, now=oracle.NOW, start="2026-04-10", end="2026-04-10")
    row = result["comparison"].iloc[0]
    assert (row["measure"], row["current"], row["previous"], row["change"]) == ("events", 2, 1, 1.0)
    assert row["previous_start"].isoformat() == "2026-04-03T00:00:00+00:00"
    assert row["previous_end"].isoformat() == "2026-04-03T12:00:00+00:00"
    assert result["timeline"]["events"].sum() == 3
    assert "future" in result.meta.warnings[0]


def test_the_day_the_clocks_go_forward_has_23_hours(database: Database) -> None:
    asked = {"start": "2026-03-29", "end": "2026-03-29", "time_zone": "Europe/Berlin"}
    result = reports.traffic(database, now=oracle.NOW, **asked)
    assert len(result["timeline"]) == 23
    assert result.meta.end - result.meta.start == timedelta(hours=24)  # on the clock
    assert len(reports.traffic(database, now=oracle.NOW, granularity="day", **asked).frame) == 1


def test_an_empty_database_gives_every_column_and_zeros(database: Database) -> None:
    result = reports.traffic(database, now=oracle.NOW, start="2026-03-01", end="2026-03-07", granularity="day")
    for table in reports.traffic.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result.frame["events"].tolist() == [0] * 7
    assert result.meta.complete_up_to is None
    assert result.meta.exact


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"start": "2026-03-08"}, "swap them"),
        ({"time_zone": "Mars/Olympus"}, "IANA"),
        ({"start": "2026-03-01T00:30"}, "whole hour"),
        ({"granularity": "minute"}, "hour, day, week, month"),
        ({"start": "2016-03-01"}, "1098 days"),
        ({"event_type": "PUBLISH"}, "EVENT, REQ"),
        ({"kind": 65536}, "0 to 65535"),
        ({"kind": 1, "event_type": "REQ"}, "only EVENT"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    wrong: dict[str, Any], says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.traffic(database, now=oracle.NOW, **{"start": "2026-03-01", "end": "2026-03-07", **wrong})


def test_without_a_database_it_asks_the_configured_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.reports import configured
    from core.settings import Settings

    oracle.store(database, [Event(int(oracle.FIRST.timestamp()) * 1_000_000, "a", "REQ", "ok")])
    settings = Settings(_env_file=None, database_url=database.dsn, demo="off", time_zone="Europe/Berlin")
    monkeypatch.setattr(configured, "get_settings", lambda: settings)
    configured.configured_database.cache_clear()
    try:
        result = reports.traffic(start="2026-03-20", end="2026-03-20", granularity="day")
    finally:
        configured.configured_database().close()
        configured.configured_database.cache_clear()
    assert result.frame["events"].tolist() == [1]
    assert result.meta.time_zone == "Europe/Berlin"


def test_it_says_what_it_is_in_a_notebook(database: Database) -> None:
    result = reports.traffic(database, now=oracle.NOW, start="2026-03-01", end="2026-03-07", granularity="day")
    assert repr(result).startswith(
        "<Result traffic, 2026-03-01 00:00 to 2026-03-08 00:00 UTC, exact: timeline (7 rows)"
    )
    assert "<table" in result._repr_html_()
    assert "granularity='auto'" in repr(reports.traffic)
    assert "event_types_over_time" in reports.traffic._repr_html_()


def test_days_of_a_zone_at_half_hours_are_those_of_the_nearest_zone_and_say_so(database: Database) -> None:
    # 18:45 UTC is after midnight in India, and before it in the nearest zone of whole hours, UTC+5
    oracle.store(database, [event(datetime(2026, 3, 10, 18, 45, tzinfo=UTC), "address:1")])
    asked: dict[str, Any] = {"start": "2026-03-10", "end": "2026-03-11", "granularity": "day"}
    result = reports.traffic(database, now=oracle.LATER, time_zone="Asia/Kolkata", **asked)
    assert result["timeline"]["events"].tolist() == [1, 0]
    assert (result.meta.time_zone, result.meta.start.isoformat()) == ("Etc/GMT-5", "2026-03-10T00:00:00+05:00")
    [note] = [warning for warning in result.meta.warnings if "Asia/Kolkata" in warning]
    assert "30 minutes later" in note
