"""The report of query shapes against the same questions asked of the records themselves."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import reports
from core.exceptions import BadParameterError
from core.filter_shapes import NOT_TOLD
from core.records import Event
from core.storage import shape_days, shape_hours
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.shape_bins import ERROR_BOUND
from tests.reports import oracle
from tests.support.clearing import clear
from tests.support.records import event

RESOLUTION = 1 / 2048
"""Times are stored in steps of 1/1024 ms, so the nearest one is half of that away (ms)."""
SHAPES = ["kinds×1", "ids×1 limit≤5", "kinds×≤5 | authors×≤50 since", "9f2c01d4e8ab", None]
QUERIES = ("REQ", "COUNT")
BY = {"time": "total_ms", "p95": "p95_ms", "messages": "messages", "unanswered": "unanswered"}


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    return [
        replace(one, metadata={"shape": shape}) if one.event_type in QUERIES and shape is not None else one
        for one in draw(oracle.HISTORY)
        for shape in [draw(st.sampled_from(SHAPES))]
    ]


def agrees(row: dict[Any, Any], records: pd.DataFrame, all_ms: float) -> None:
    times = sorted(float(time) for time in records["response_time_ms"].dropna())
    assert row["messages"] == len(records)
    assert (row["answered"], row["unanswered"]) == (len(times), records["unanswered"].sum())
    assert row["events_out"] == records["events_out"].sum()
    assert row["total_ms"] == pytest.approx(sum(times), rel=1e-6, abs=0.001 * len(times))
    if not times:
        assert all(math.isnan(row[name]) for name in ("mean_ms", "p50_ms", "p95_ms"))
        return
    assert row["mean_ms"] == pytest.approx(sum(times) / len(times), rel=1e-6, abs=0.001)
    assert row["share"] == pytest.approx(sum(times) / all_ms, rel=1e-4, abs=1e-6)
    for percent in (50, 95):
        exact = times[-(-percent * len(times) // 100) - 1]
        assert abs(row[f"p{percent}_ms"] - exact) <= (ERROR_BOUND + 0.0001) * exact + RESOLUTION


@given(
    history=histories(),
    days=oracle.RANGES,
    zone=st.sampled_from(oracle.ZONES),
    event_type=st.sampled_from([None, "REQ", "COUNT"]),
    sort=st.sampled_from(sorted(BY)),
    limit=st.sampled_from([1, 3, 100]),
)
@oracle.examples
def test_it_equals_a_recount_of_the_records(
    history: list[Event], days: tuple[date, date], zone: str, event_type: str | None, sort: str, limit: int,
    database: Database,
) -> None:  # fmt: skip
    clear(database)
    oracle.store(database, history)
    shape_hours.count(database, oracle.LATER)
    asked: dict[str, Any] = {"start": days[0], "end": days[1], "time_zone": zone, "event_type": event_type}
    asked |= {"sort": sort, "limit": limit}
    result = reports.shapes(database, now=oracle.LATER, **asked)
    fold(database, oracle.LATER)
    shape_days.make(database, oracle.LATER)
    again = reports.shapes(database, now=oracle.LATER, **asked)
    for name, frame in result.tables.items():
        pd.testing.assert_frame_equal(frame, again[name])

    inside = oracle.of_days(oracle.raw(history, zone), *days)
    all_ms = float(inside["response_time_ms"].sum())
    queries = inside[inside["event_type"].isin(QUERIES)]
    [summary] = result["summary"].to_dict("records")
    assert summary["messages"] == summary["counted"] == len(queries)
    assert summary["all_ms"] == pytest.approx(all_ms, rel=1e-6, abs=0.01)
    wanted = queries if event_type is None else queries[queries["event_type"] == event_type]
    named = wanted.assign(shape=[(one or {}).get("shape", NOT_TOLD) for one in wanted["metadata"]])
    expected = dict(iter(named.groupby(["event_type", "shape"])))
    rows = result.frame.to_dict("records")
    assert len(rows) == min(limit, len(expected))
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        agrees(row, expected[row["event_type"], row["shape"]], all_ms)
    if limit == 100:
        assert {(row["event_type"], row["shape"]) for row in rows} == set(expected)
    values = [row[BY[sort]] for row in rows if not math.isnan(row[BY[sort]])]
    assert values == sorted(values, reverse=True)
    assert all(math.isnan(row[BY[sort]]) for row in rows[len(values) :]), "those without an answer come last"


@pytest.mark.parametrize("sort", ["time", "messages", "unanswered"])
def test_a_short_list_is_the_beginning_of_a_long_one(sort: str, database: Database) -> None:
    times: dict[str, list[float | None]] = {"kinds×1": [1.0] * 9, "ids×1": [50.0], "search": [None] * 3, "#e×1": [50.0]}
    store(database, [query(shape, ms) for shape, each in times.items() for ms in each])
    listed = ask(database, sort=sort)["shape"].tolist()
    assert listed[0] == {"time": "#e×1", "messages": "kinds×1", "unanswered": "search"}[sort]
    for limit in (1, 2, 3, 4):
        assert ask(database, sort=sort, limit=limit)["shape"].tolist() == listed[:limit]


def test_it_says_what_is_not_counted_yet(database: Database) -> None:
    store(database, [query("kinds×1", 10.0)])
    oracle.store(database, [query("ids×1", 10.0), query("ids×1", 10.0, hours=3)], sequence=2)
    result = reports.shapes(database, now=oracle.LATER, start="2026-03-10", end="2026-03-10")
    assert result.frame["shape"].tolist() == ["kinds×1"]
    assert result["summary"][["messages", "counted"]].to_numpy().tolist() == [[3, 1]]
    assert any(warning.startswith("2 of 3 REQ and COUNT messages are not counted") for warning in result.meta.warnings)
    shape_hours.count(database, oracle.LATER)
    again = reports.shapes(database, now=oracle.LATER, start="2026-03-10", end="2026-03-10")
    assert not any("not counted" in warning for warning in again.meta.warnings)


def test_an_empty_database_gives_every_column(database: Database) -> None:
    result = reports.shapes(database, now=oracle.NOW, start="2026-03-01", end="2026-03-07")
    for table in reports.shapes.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result.frame.empty


@pytest.mark.parametrize(
    ("name", "value", "says"), [("event_type", "EVENT", "REQ, COUNT"), ("sort", "x", "time, p95"), ("limit", 0, "1 to")]
)
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    name: str, value: Any, says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.shapes(database, now=oracle.NOW, **{"start": "2026-03-01", "end": "2026-03-07", name: value})


def query(shape: str, ms: float | None, hours: int = 0) -> Event:
    silent = {"outcome": "unanswered", "error_code": "unanswered"} if ms is None else {}
    at = datetime.fromisoformat("2026-03-10T12:00:00+00:00") + timedelta(hours=hours)
    return event(at, response_time_ms=ms, metadata={"shape": shape}, **silent)


def store(database: Database, history: list[Event]) -> None:
    oracle.store(database, history)
    shape_hours.count(database, oracle.LATER)


def ask(database: Database, **asked: Any) -> pd.DataFrame:
    return reports.shapes(database, now=oracle.LATER, start="2026-03-10", end="2026-03-10", **asked).frame
