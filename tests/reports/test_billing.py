"""The billing report against the records themselves, of open and of closed periods."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import billing, reports
from core.billing.periods import billing_period, months_of
from core.exceptions import BadParameterError
from core.records import Delivery, Event
from core.storage.database import Database
from core.storage.fold import fold
from core.tariffs import COST_LINES, Usage
from tests.billing import history
from tests.reports import oracle
from tests.support.clearing import clear

MARCH = {"month": "2026-03"}
GB = 10**9
EUR = {"now": history.LATER, "tariff": history.TARIFF}


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


@given(
    everything=history.EVERYTHING,
    split=st.integers(0, 60),
    days=oracle.RANGES,
    zone=st.sampled_from(oracle.ZONES),
    folded=st.sampled_from(oracle.FOLDS),
    client=st.sampled_from([None, None, "address:1"]),
)
@oracle.examples
def test_it_equals_a_recount_of_the_records(
    everything: tuple[list[Event], list[Delivery]],
    split: int,
    days: tuple[date, date],
    zone: str,
    folded: datetime,
    client: str | None,
    database: Database,
) -> None:
    events, delivered = everything
    clear(database)
    oracle.forget_built_days(database)
    oracle.store(database, events[:split], 1, delivered[:split])
    fold(database, folded)
    oracle.store(database, events[split:], 2, delivered[split:])
    asked = {"start": days[0], "end": days[1], "time_zone": zone, "client": client, **EUR}
    before_fold = reports.billing(database, **asked)
    fold(database, oracle.LATER)
    result = reports.billing(database, **asked)
    for name, frame in before_fold.tables.items():
        pd.testing.assert_frame_equal(frame, result[name])

    used = history.used(events, delivered, zone, *days)
    expected = {name: one for name, one in used.items() if client in (None, name)}
    months = months_of(billing_period(days[0], days[1], None, zone))
    listed = rows(result["clients"])
    assert {row["client_id"] for row in listed} == set(expected)
    for row in listed:
        numbers = expected[row["client_id"]]
        lines = history.TARIFF.lines(Usage(**{name: numbers[name] for name in vars(Usage())}), months)
        assert {name: row[name] for name in history.USAGE} == numbers
        assert {name: row[name] for name in COST_LINES} == lines
        assert row["cost"] == sum(lines.values())
    order = [(-row["cost"], -row["bytes_in"] - row["bytes_out"]) for row in listed]
    assert order == sorted(order)
    (total,) = rows(result["totals"])
    assert (total["part"], total["clients"]) == ("usage", len(expected))
    for name in (*history.USAGE, *COST_LINES, "cost"):
        assert total[name] == sum(row[name] for row in listed)


def test_totals_are_of_all_clients_not_only_of_those_listed(database: Database) -> None:
    oracle.store(database, [history.at(5, client=f"client {n}", bytes_out=n * GB) for n in range(1, 8)])
    result = reports.billing(database, **MARCH, limit=2, **EUR)
    assert result["clients"]["client_id"].tolist() == ["client 7", "client 6"]
    assert result["totals"]["clients"].tolist() == [7]
    assert result["totals"]["bytes_out"].tolist() == [28 * GB]
    assert result["totals"]["cost"].tolist() == [7 * 500 + 28 * 5]
    one = reports.billing(database, **MARCH, client="client 3", **EUR)
    assert one["totals"]["bytes_out"].tolist() == [3 * GB]


def test_a_closed_period_shows_what_is_frozen_adjusted_and_still_open(database: Database) -> None:
    oracle.store(database, [history.at(5, bytes_out=90 * GB), history.at(5, client="bob", bytes_out=GB)])
    closed = billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    oracle.store(database, [history.at(6, bytes_out=20 * GB)], 2)
    billing.adjust(database, history.LATER, **MARCH, reason="late import")
    billing.credit(database, history.LATER, "bob", "1.50", "outage", **MARCH)
    oracle.store(database, [history.at(7, client="carol", bytes_in=GB)], 3)
    # another tariff of today changes nothing of what was closed
    result = reports.billing(database, **MARCH, now=history.LATER, tariff=None)

    frozen = result["clients"].set_index("client_id")
    assert frozen["bytes_out"].to_dict() == {"alice": 90 * GB, "bob": GB}
    assert frozen["cost"].to_dict() == {"alice": 500 + 450, "bob": 500 + 5}
    totals = result["totals"].set_index("part")
    assert totals["cost"].to_dict() == {"frozen": 1455, "adjustments": 80 - 150, "unadjusted": 501}
    assert totals["clients"].to_dict() == {"frozen": 2, "adjustments": 2, "unadjusted": 1}
    listed = [(row["number"], row["client_id"], row["reason"], row["manual"]) for row in rows(result["adjustments"])]
    assert listed == [(2, "bob", "outage", True), (1, "alice", "late import", False)]
    assert result["adjustments"]["cost"].tolist() == [-150, 80]
    assert [(row["client_id"], row["bytes_in"], row["cost"]) for row in rows(result["unadjusted"])] == [
        ("carol", GB, 501)
    ]
    (period,) = rows(result["period"])
    assert (period["state"], period["period_id"], period["currency"], period["decimals"]) == ("closed", 1, "EUR", 2)
    assert period["checksum"] == closed.checksum.hex()
    assert period["tariff"] == history.TARIFF.source
    bob = reports.billing(database, **MARCH, client="bob", now=history.LATER)
    assert bob["totals"].set_index("part")["cost"].to_dict() == {"frozen": 505, "adjustments": -150, "unadjusted": 0}
    assert bob["adjustments"]["client_id"].tolist() == ["bob"]


def test_a_period_that_is_closed_in_part_says_so(database: Database) -> None:
    oracle.store(database, [history.at(5)])
    billing.close(database, history.LATER, **MARCH, tariff=None)
    result = reports.billing(database, start="2026-03-31", end="2026-04-30", **EUR)
    assert any("closed as period 1, 2026-03-01 00:00 to 2026-04-01 00:00 UTC" in note for note in result.meta.warnings)
    assert result["period"]["state"].tolist() == ["open"]


def test_without_a_tariff_costs_are_null_and_a_note_says_how_to_set_one(database: Database) -> None:
    oracle.store(database, [history.at(5, bytes_out=GB)])
    result = reports.billing(database, now=history.LATER, **MARCH, tariff=None)
    for table in ("clients", "totals"):
        assert result[table][[*COST_LINES, "cost"]].isna().all(axis=None)
    assert result["clients"]["bytes_out"].tolist() == [GB]
    assert any("set TARIFF" in note for note in result.meta.warnings)
    priced = reports.billing(database, **MARCH, **EUR)
    for name, frame in result.tables.items():
        assert frame.dtypes.to_dict() == priced[name].dtypes.to_dict()


def test_an_empty_database_gives_every_column_with_its_type(database: Database) -> None:
    empty = reports.billing(database, **MARCH, **EUR)
    oracle.store(database, [history.at(5, bytes_out=GB), history.at(6, client="bob")])
    open_ = reports.billing(database, **MARCH, **EUR)
    billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    billing.credit(database, history.LATER, "bob", "1", "outage", **MARCH)
    oracle.store(database, [history.at(6)], 2)
    closed = reports.billing(database, **MARCH, **EUR)
    for table in reports.billing.tables:
        assert list(empty[table.name].columns) == table.column_names
        for other in (open_, closed):
            assert empty[table.name].dtypes.to_dict() == other[table.name].dtypes.to_dict(), table.name
    assert empty.frame.empty
    assert empty["totals"]["cost"].tolist() == [0]
    assert (empty.meta.exact, empty.meta.granularity, empty.meta.time_zone) == (True, None, "UTC")


def test_the_meta_names_the_period_in_its_zone(database: Database) -> None:
    meta = reports.billing(database, **MARCH, time_zone="America/New_York", **EUR).meta
    assert (meta.start.isoformat(), meta.end.isoformat()) == ("2026-03-01T00:00:00-05:00", "2026-04-01T00:00:00-04:00")


def test_numbers_beyond_2_to_the_53_stay_exact(database: Database) -> None:
    odd = 2**53 - 1
    oracle.store(database, [history.at(day, bytes_out=odd) for day in range(1, 30)])
    frame = reports.billing(database, **MARCH, **EUR).frame
    assert frame["bytes_out"].tolist() == [29 * odd]
    assert frame["cost_out"].tolist() == [history.TARIFF.lines(Usage(bytes_out=29 * odd))["cost_out"]]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "give either month"),
        ({"month": "2026-03", "start": "2026-03-01", "end": "2026-03-02"}, "give either month"),
        ({"month": "03/2026"}, "YYYY-MM"),
        ({"month": "2026-03", "time_zone": "Asia/Kathmandu"}, "whole hour"),
        ({"month": "2026-03", "limit": 0}, "1 to 100000"),
        ({"start": "2026-03-08", "end": "2026-03-01"}, "swap them"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    wrong: dict[str, Any], says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.billing(database, **EUR, **wrong)
