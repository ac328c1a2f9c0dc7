"""The report of one client against the same questions asked of its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reports
from core.exceptions import BadParameterError, UnknownClientError
from core.records import Connection, Event
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.writer import BatchWriter
from tests.reports import oracle
from tests.support.clearing import clear
from tests.support.records import batch, event, micros

CLIENT = "address:1"
OUTCOMES = {"accepted": "ok", "duplicate": "duplicate", "rejected": "rejected", "unanswered": "unanswered"}
SUMS = ("events_out", "bytes_in", "bytes_out", "payload_in", "payload_out")
FRACTIONS = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


def expected(part: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {"events": len(part), "errors": int(part["error"].sum())}
    found |= {name: int((part["outcome"] == outcome).sum()) for name, outcome in OUTCOMES.items()}
    return found | {name: int(part[name].astype("int64").sum()) for name in SUMS}


def agrees(row: Mapping[Any, Any], part: pd.DataFrame, *, percentiles: bool = True) -> None:
    wanted = expected(part)
    assert {name: row[name] for name in wanted} == wanted
    times = np.sort(part["response_time_ms"].dropna().to_numpy(dtype=np.float64))
    assert row["answered"] == len(times)
    if len(times) == 0:
        assert all(np.isnan(row[name]) for name in ("mean_ms", *FRACTIONS))
        return
    assert row["mean_ms"] == pytest.approx(times.mean(), rel=1e-6, abs=1 / 1024)
    for name, fraction in FRACTIONS.items():
        if not percentiles:
            assert np.isnan(row[name]), "no percentile is better than a wrong one"
            continue
        exact = times[max(int(np.ceil(fraction * len(times))) - 1, 0)]
        assert row[name] == pytest.approx(exact, rel=0.01, abs=0.001), name


@given(
    history=oracle.HISTORY,
    late=st.lists(oracle.events(), max_size=10),
    days=oracle.RANGES,
    width=oracle.WIDTHS,
    zone=st.sampled_from(oracle.ZONES),
    of=st.sampled_from([{}, {}, {"event_type": "EVENT"}, {"event_type": "REQ"}, {"kind": 1}]),
    folded=st.lists(st.integers(-3, 90), max_size=3).map(sorted),
)
@oracle.examples
def test_it_equals_a_recount_of_the_records(
    history: list[Event], late: list[Event], days: tuple[date, date], width: str, zone: str, of: dict[str, Any],
    folded: list[int], database: Database,
) -> None:  # fmt: skip
    clear(database)
    oracle.forget_built_days(database)
    history = [*history, event(oracle.FIRST, CLIENT)]
    oracle.store(database, history)
    for day in folded:
        fold(database, oracle.FIRST + timedelta(days=day))
    oracle.store(database, late, sequence=2)
    asked: dict[str, Any] = {
        "client": CLIENT, "start": days[0], "end": days[1], "granularity": width, "time_zone": zone, **of,
        "kinds": True,
    }  # fmt: skip
    before_fold = reports.client(database, now=oracle.LATER, **asked)
    fold(database, oracle.LATER)
    result = reports.client(database, now=oracle.LATER, **asked)
    for name, frame in before_fold.tables.items():
        pd.testing.assert_frame_equal(frame, result[name])

    records = oracle.raw([*history, *late], zone)
    records = records[records["client"] == CLIENT]
    inside = oracle.of_days(records, *days)
    errors = Counter(inside["error_code"].dropna())
    assert dict(zip(result["error_codes"]["error_code"], result["error_codes"]["errors"], strict=True)) == errors
    assert len(result["latest_errors"]) == sum(errors.values())
    assert result["latest_errors"]["timestamp"].is_monotonic_decreasing
    for name, value in of.items():
        inside = inside[inside[name] == value]
    kinds = Counter(None if pd.isna(kind) else kind for kind in inside[inside["event_type"] == "EVENT"]["kind"])
    named = [None if pd.isna(kind) else kind for kind in result["kinds"]["kind"]]
    assert dict(zip(named, result["kinds"]["events"], strict=True)) == kinds

    def check(row: Mapping[Any, Any], part: pd.DataFrame) -> None:
        agrees(row, part, percentiles="kind" not in of)

    summary = result["summary"].iloc[0].to_dict()
    check(summary, inside)
    assert (summary["first_seen"], summary["last_seen"]) == (records["at"].min(), records["at"].max())
    assert summary["active_hours"] == inside["at"].dt.tz_convert("UTC").dt.floor("h").nunique()
    parts = oracle.by_bucket(inside, width, days[0])
    timeline = result["timeline"]
    for label, row in zip(oracle.labels(timeline["timestamp"], width), timeline.to_dict("records"), strict=True):
        check(row, parts.get(label, inside.iloc[:0]))
    weeks = timedelta(days=-(-((days[1] - days[0]).days + 1) // 7) * 7)
    ofs = records
    for name, value in of.items():
        ofs = ofs[ofs[name] == value]
    earlier = expected(oracle.of_days(ofs, days[0] - weeks, days[1] - weeks))
    now = expected(inside)
    for row in result["comparison"].to_dict("records"):
        if row["measure"] != "answered":
            assert (row["current"], row["previous"]) == (now[row["measure"]], earlier[row["measure"]])
    assert set(result["event_types"]["event_type"]) == set(inside["event_type"])
    for row in result["event_types"].to_dict("records"):
        check(row, inside[inside["event_type"] == row["event_type"]])
    wanted = Counter(zip(inside["at"].dt.isocalendar().day, inside["at"].dt.hour, strict=True))
    pattern = {(row["weekday"], row["hour"]): row["events"] for row in result["pattern"].to_dict("records")}
    assert len(pattern) == 7 * 24
    assert {key: count for key, count in pattern.items() if count} == wanted


def test_sessions_count_where_they_end(any_database: Database) -> None:
    def ended(hours: float, seconds: float) -> Connection:
        at = oracle.FIRST + timedelta(hours=hours)
        return Connection(1, CLIENT, "address", micros(at - timedelta(seconds=seconds)), micros(at))

    with BatchWriter(any_database) as writer:
        writer.write([batch(connections=[ended(1, 10), ended(1.5, 20), ended(30, 600), ended(49, 1)])])
    asked: dict[str, Any] = {"client": CLIENT, "start": oracle.FIRST, "end": oracle.FIRST + timedelta(days=2)}
    for _ in range(2):
        result = reports.client(any_database, now=oracle.NOW, granularity="day", **asked)
        assert result["timeline"]["sessions"].tolist() == [2, 1]
        assert result["summary"][["sessions", "session_mean_seconds"]].iloc[0].tolist() == [3, 210]
        fold(any_database, oracle.NOW)


def test_a_client_without_anything_in_the_range_has_zeros(database: Database) -> None:
    oracle.store(database, [event(datetime.fromisoformat("2026-02-01T00:00Z"), CLIENT)])
    result = reports.client(database, now=oracle.NOW, client=CLIENT, start="2026-03-01", end="2026-03-07")
    for table in reports.client.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result["timeline"]["events"].tolist() == [0] * 7
    assert result["summary"]["events"].tolist() == [0]
    assert result["event_types"].empty
    assert not result.meta.exact


def test_an_unknown_client_is_named(database: Database) -> None:
    with pytest.raises(UnknownClientError, match="nobody"):
        reports.client(database, now=oracle.NOW, client="nobody", start="2026-03-01", end="2026-03-07")
    with pytest.raises(BadParameterError, match="0 to 1000"):
        reports.client(database, now=oracle.NOW, client="nobody", start="2026-03-01", end="2026-03-07", latest=-1)
