"""The response time report against the same questions asked of the records themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
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

RESOLUTION = 1 / 2048
"""Times are stored in steps of 1/1024 ms, so the nearest one is half of that away (ms)."""


def agrees(row: Mapping[Any, Any], records: pd.DataFrame) -> None:
    times = sorted(float(time) for time in records["response_time_ms"].dropna())
    assert (row["answered"], row["unanswered"]) == (len(times), records["unanswered"].sum())
    if not times:
        assert all(math.isnan(row[name]) for name in ("mean_ms", "p50_ms", "p95_ms", "p99_ms"))
        return
    assert row["mean_ms"] == pytest.approx(sum(times) / len(times), rel=1e-6, abs=0.001)
    for percent in (50, 95, 99):
        rank = -(-percent * len(times) // 100)
        exact = times[rank - 1]
        assert abs(row[f"p{percent}_ms"] - exact) <= 0.0076 * exact + RESOLUTION


def agrees_on_first_events(row: Mapping[Any, Any], records: pd.DataFrame) -> None:
    times = sorted(float(time) for time in records["first_event_ms"].dropna())
    assert row["delivering"] == len(times)
    for percent in (50, 95, 99):
        found = row[f"first_event_p{percent}_ms"]
        if not times:
            assert math.isnan(found)
            continue
        exact = times[-(-percent * len(times) // 100) - 1]
        assert abs(found - exact) <= 0.0076 * exact + RESOLUTION


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
            {"event_type": "CLOSE"},
            {"kind": 1},
            {"client": "address:1"},
            {"client": "key:acme", "event_type": "REQ"},
        ]
    ),
)
@oracle.examples
def test_it_equals_a_recount_of_the_records(
    history: list[Event], days: tuple[date, date], width: str, zone: str, filters: dict[str, Any], database: Database
) -> None:
    clear(database)
    oracle.store(database, history)
    asked: dict[str, Any] = {"start": days[0], "end": days[1], "granularity": width, "time_zone": zone}
    before_fold = reports.response_times(database, now=oracle.LATER, **filters, **asked)
    fold(database, oracle.LATER)
    result = reports.response_times(database, now=oracle.LATER, **filters, **asked)
    for name, frame in before_fold.tables.items():
        pd.testing.assert_frame_equal(frame, result[name])

    records = oracle.raw(history, zone)
    for name, value in filters.items():
        records = records[records[name] == value]
    inside = oracle.of_days(records, *days)
    agrees(result.frame.to_dict("records")[0], inside)
    if "client" not in filters:
        agrees_on_first_events(result.frame.to_dict("records")[0], inside)
    expected = oracle.by_bucket(inside, width, days[0])
    timeline = result["timeline"]
    buckets = oracle.labels(timeline["timestamp"], width)
    assert set(expected) <= set(buckets)
    for label, row in zip(buckets, timeline.to_dict("records"), strict=True):
        agrees(row, expected.get(label, inside.iloc[:0]))
    for label, row in zip(buckets, result["first_event"].to_dict("records"), strict=True):
        if "client" in filters:
            assert pd.isna(row["delivering"]), "not kept by client is not none"
        else:
            agrees_on_first_events(row, expected.get(label, inside.iloc[:0]))
    due = inside[inside["response_time_ms"].notna() | inside["unanswered"]]
    assert set(result["event_types"]["event_type"]) == set(due["event_type"])
    for row in result["event_types"].to_dict("records"):
        agrees(row, inside[inside["event_type"] == row["event_type"]])


def test_an_empty_database_gives_every_column_and_empty_buckets(database: Database) -> None:
    result = reports.response_times(database, now=oracle.NOW, start="2026-03-01", end="2026-03-07", granularity="day")
    for table in reports.response_times.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result["timeline"]["answered"].tolist() == [0] * 7
    assert result.frame["p50_ms"].isna().all()


def test_percentiles_say_how_exact_they_are(database: Database) -> None:
    result = reports.response_times(database, now=oracle.NOW, start="2026-03-01", end="2026-03-07")
    assert not result.meta.exact
    assert result.meta.error_bound == 0.0075


@pytest.mark.parametrize(("name", "value", "says"), [("event_type", "PUBLISH", "EVENT, REQ"), ("end", "x", "YYYY")])
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    name: str, value: str, says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.response_times(database, now=oracle.NOW, **{"start": "2026-03-01", "end": "2026-03-07", name: value})


def test_a_type_of_the_hours_that_days_have_too_much_is_not_of_the_range(database: Database) -> None:
    clear(database)
    # 23:30 UTC is a day later in Berlin, but in the day of UTC that the range is put together from
    oracle.store(database, [event(datetime(2026, 3, 10, 23, 30, tzinfo=UTC), "address:1", response_time_ms=5.0)])
    fold(database, oracle.LATER)
    asked: dict[str, Any] = {"start": "2026-03-01", "end": "2026-03-10", "granularity": "day"}
    asked |= {"time_zone": "Europe/Berlin"}
    times = reports.response_times(database, now=oracle.LATER, **asked)
    one = reports.client(database, now=oracle.LATER, client="address:1", **asked)
    for result in (times, one):
        assert result["timeline"]["answered"].tolist() == [0] * 10
        assert result["timeline"]["p50_ms"].isna().all()
        assert result["event_types"].empty
    whole = reports.response_times(database, now=oracle.LATER, **asked | {"end": "2026-03-11"})
    assert whole["event_types"]["answered"].tolist() == [1]
