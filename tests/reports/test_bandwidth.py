"""The bandwidth report against the same questions asked of the records themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reports
from core.exceptions import BadParameterError
from core.records import Delivery, Event
from core.storage.database import Database
from core.storage.fold import fold
from core.tariffs import read_tariff
from tests.reports import oracle
from tests.support.clearing import clear

MEASURES = ("bytes_in", "bytes_out", "payload_in", "payload_out")
TARIFF = read_tariff(
    '{"currency": "EUR", "per_gb_in": "0.005", "per_gb_out": [{"up_to_gb": 500, "price": "0.05"}, {"price": "0.03"}]}'
)
EVERYTHING = st.tuples(oracle.HISTORY, oracle.DELIVERIES)
DAY = {"start": "2026-04-10", "end": "2026-04-10"}


def sums(frame: pd.DataFrame) -> dict[str, int]:
    return {name: int(frame[name].astype("int64").sum()) for name in MEASURES}


def busiest(frame: pd.DataFrame, width: str, count: int) -> list[tuple[Any, int, int]]:
    """(beginning, bytes in, bytes out) of the hours or minutes with the most bytes, the earlier first among equals."""
    totals: dict[Any, list[int]] = {}
    for at, bytes_in, bytes_out in zip(frame["at"], frame["bytes_in"], frame["bytes_out"], strict=True):
        one = totals.setdefault(at.tz_convert("UTC").floor(width), [0, 0])
        one[0] += bytes_in
        one[1] += bytes_out
    ordered = sorted(totals.items(), key=lambda item: (-sum(item[1]), item[0]))
    return [(at, *both) for at, both in ordered if sum(both) > 0][:count]


def found(table: pd.DataFrame) -> list[tuple[Any, int, int]]:
    return [(row["timestamp"].tz_convert("UTC"), row["bytes_in"], row["bytes_out"]) for row in table.to_dict("records")]


@given(
    everything=EVERYTHING,
    split=st.integers(0, 60),
    days=oracle.RANGES,
    width=oracle.WIDTHS,
    zone=st.sampled_from(oracle.ZONES),
    filters=st.sampled_from(
        [
            {},
            {},
            {"event_type": "EVENT"},
            {"event_type": "DELIVERY"},
            {"client": "address:1"},
            {"kind": 1},
            {"kind": 7, "client": "address:1"},
        ]
    ),
    peaks=st.sampled_from([1, 3, 10]),
    folded=st.sampled_from(oracle.FOLDS),
)
@oracle.examples
def test_it_equals_a_recount_of_the_records(
    everything: tuple[list[Event], list[Delivery]],
    split: int,
    days: tuple[date, date],
    width: str,
    zone: str,
    filters: dict[str, Any],
    peaks: int,
    folded: datetime,
    database: Database,
) -> None:
    history, delivered = everything
    clear(database)
    oracle.forget_built_days(database)
    oracle.store(database, history[:split], 1, delivered[:split])
    fold(database, folded)
    oracle.store(database, history[split:], 2, delivered[split:])
    asked = {"start": days[0], "end": days[1], "granularity": width, "time_zone": zone, "peaks": peaks, **filters}
    half_folded = reports.bandwidth(database, now=oracle.LATER, tariff=TARIFF, **asked)
    fold(database, oracle.LATER)
    result = reports.bandwidth(database, now=oracle.LATER, tariff=TARIFF, **asked)
    for name, frame in half_folded.tables.items():
        pd.testing.assert_frame_equal(frame, result[name])

    records = oracle.carried(history, delivered, zone)
    for column, value in filters.items():
        records = records[records[column] == value]
    inside = oracle.of_days(records, *days)
    total = sums(inside)
    wire = total["bytes_in"] + total["bytes_out"]

    summary = result["summary"].iloc[0].to_dict()
    assert {name: summary[name] for name in MEASURES} == total
    assert summary["bytes_total"] == wire
    beside = sums(inside[inside["event_type"] == "DELIVERY"])
    if wire:
        assert summary["delivery_share"] == pytest.approx((beside["bytes_in"] + beside["bytes_out"]) / wire)
    if total["payload_in"]:
        assert summary["wire_ratio_in"] == pytest.approx(total["bytes_in"] / total["payload_in"])
    assert summary["mean_out"] == pytest.approx(total["bytes_out"] * 8 / (oracle.hours_of(*days, zone) * 3600))
    first, rest = min(total["bytes_out"], 500 * 10**9), max(total["bytes_out"] - 500 * 10**9, 0)
    assert summary["cost_in"] == (total["bytes_in"] + 10**9) // (2 * 10**9)  # half a cent per GB
    assert summary["cost_out"] == (5 * first + 3 * rest + 5 * 10**8) // 10**9
    assert summary["cost"] == summary["cost_in"] + summary["cost_out"]

    expected = oracle.by_bucket(inside, width, days[0])
    timeline = result["timeline"]
    buckets = oracle.labels(timeline["timestamp"], width)
    assert set(expected) <= set(buckets)
    for label, row in zip(buckets, timeline.to_dict("records"), strict=True):
        assert {name: row[name] for name in MEASURES} == sums(expected.get(label, inside.iloc[:0]))

    types = {row["event_type"]: row for row in result["event_types"].to_dict("records")}
    assert set(types) == set(inside["event_type"])
    for verb, part in inside.groupby("event_type"):
        assert {measure: types[str(verb)][measure] for measure in MEASURES} == sums(part)

    assert found(result["peak_hours"]) == busiest(inside, "h", peaks)
    assert found(result["peak_minutes"]) == (
        [] if filters.keys() & {"client", "kind"} else busiest(inside, "min", peaks)
    )

    by_client = {str(client): sums(part) for client, part in inside.groupby("client")}
    listed = result["clients"].to_dict("records")
    assert {row["client_id"]: (row["bytes_in"], row["bytes_out"]) for row in listed} == {
        name: (one["bytes_in"], one["bytes_out"])
        for name, one in by_client.items()
        if one["bytes_in"] + one["bytes_out"]
    }
    totals = [row["bytes_in"] + row["bytes_out"] for row in listed]
    assert totals == sorted(totals, reverse=True)
    assert sum(row["share"] for row in listed) == pytest.approx(1 if wire else 0)

    weeks = timedelta(days=-(-((days[1] - days[0]).days + 1) // 7) * 7)
    before = sums(oracle.of_days(records, days[0] - weeks, days[1] - weeks))
    compared = {row["measure"]: (row["current"], row["previous"]) for row in result["comparison"].to_dict("records")}
    assert compared == {name: (total[name], before[name]) for name in MEASURES}


def at(minute: int, bytes_out: int, event_type: str = "REQ", client: str = "a") -> Event:
    moment = datetime(2026, 4, 10, tzinfo=oracle.NOW.tzinfo) + timedelta(minutes=minute)
    return Event(int(moment.timestamp()) * 1_000_000, client, event_type, "ok", bytes_out=bytes_out)


def minutes_of(peaks: Iterable[tuple[Any, int, int]]) -> list[tuple[str, int]]:
    return [(f"{moment:%H:%M}", bytes_out) for moment, _, bytes_out in peaks]


def test_the_busiest_minute_of_all_types_need_not_be_that_of_any(database: Database) -> None:
    oracle.store(database, [at(5, 60, "REQ"), at(65, 50, "REQ"), at(65, 50, "EVENT"), at(130, 70, "EVENT")])
    fold(database, oracle.NOW)
    peak = reports.bandwidth(database, now=oracle.NOW, **DAY, peaks=1)["peak_minutes"]
    assert minutes_of(found(peak)) == [("01:05", 100)]
    peak = reports.bandwidth(database, now=oracle.NOW, **DAY, peaks=1, event_type="EVENT")["peak_minutes"]
    assert minutes_of(found(peak)) == [("02:10", 70)]


def test_a_minute_that_grows_after_the_fold_is_found(database: Database) -> None:
    oracle.store(database, [at(5, 60), at(65, 50), at(70, 55)])
    fold(database, oracle.NOW)
    oracle.store(database, [at(65, 11)], 2)
    asked = {"now": oracle.NOW, **DAY, "peaks": 1}
    assert minutes_of(found(reports.bandwidth(database, **asked)["peak_minutes"])) == [("01:05", 61)]
    fold(database, oracle.NOW)
    assert minutes_of(found(reports.bandwidth(database, **asked)["peak_minutes"])) == [("01:05", 61)]


def test_of_clients_as_many_as_asked_for_are_listed(database: Database) -> None:
    oracle.store(database, [at(5, 10, client="a"), at(6, 30, client="b"), at(7, 20, client="c")])
    clients = reports.bandwidth(database, now=oracle.NOW, **DAY, top=2)["clients"]
    assert clients["client_id"].tolist() == ["b", "c"]
    assert clients["share"].tolist() == [30 / 60, 20 / 60]


def test_the_mean_is_over_the_time_that_has_passed(database: Database) -> None:
    oracle.store(database, [at(5, 45_000)])
    summary = reports.bandwidth(database, now=oracle.NOW, **DAY)["summary"]
    assert summary["mean_out"].tolist() == [45_000 * 8 / (12.5 * 3600)]


def test_without_a_tariff_there_is_no_cost_and_a_note_how_to_set_one(database: Database) -> None:
    oracle.store(database, [at(5, 45_000)])
    result = reports.bandwidth(database, now=oracle.NOW, **DAY, tariff=None)
    summary = result["summary"]
    assert summary[["currency", "cost_in", "cost_out", "cost"]].isna().all(axis=None)
    assert any("set TARIFF" in warning for warning in result.meta.warnings)
    priced = reports.bandwidth(database, now=oracle.NOW, **DAY, tariff=TARIFF)
    assert priced["summary"].dtypes.to_dict() == summary.dtypes.to_dict()
    assert not any("TARIFF" in warning for warning in priced.meta.warnings)


def test_an_empty_database_gives_every_column_with_its_type(database: Database) -> None:
    asked = {"now": oracle.NOW, "start": "2026-03-01", "end": "2026-04-10", "granularity": "day"}
    empty = reports.bandwidth(database, **asked)
    oracle.store(database, [at(5, 60)])
    filled = reports.bandwidth(database, **asked)
    for table in reports.bandwidth.tables:
        assert list(empty[table.name].columns) == table.column_names
        assert empty[table.name].dtypes.to_dict() == filled[table.name].dtypes.to_dict()
    assert empty.frame["bytes_total"].tolist() == [0]
    assert empty["timeline"]["bytes_out"].tolist() == [0] * 41
    assert empty["peak_minutes"].empty
    assert empty.meta.exact


def test_without_comparison_the_table_is_empty(database: Database) -> None:
    comparison = reports.bandwidth(database, now=oracle.NOW, **DAY, compare=False)["comparison"]
    assert comparison.empty
    assert comparison["current"].dtype == "int64"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"start": "2026-03-08"}, "swap them"),
        ({"time_zone": "Mars/Olympus"}, "IANA"),
        ({"start": "2026-03-01T00:30"}, "whole hour"),
        ({"event_type": "PUBLISH"}, "EVENT, REQ.*DELIVERY"),
        ({"top": 0}, "top is 0; it can be 1 to 1000"),
        ({"peaks": 101}, "peaks is 101; it can be 1 to 100"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    wrong: dict[str, Any], says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.bandwidth(database, now=oracle.NOW, **{"start": "2026-03-01", "end": "2026-03-07", **wrong})
