"""The error report against the same questions asked of the records themselves."""

from __future__ import annotations

from collections import Counter
from datetime import date
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
            {"error_code": "blocked"},
            {"kind": 1},
            {"kind": 7, "error_code": "blocked"},
            {"client": "key:acme"},
            {"client": "address:1", "error_code": "blocked"},
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
    before_fold = reports.errors(database, now=oracle.LATER, **asked)
    fold(database, oracle.LATER)
    result = reports.errors(database, now=oracle.LATER, **asked)
    # several errors of one instant come in any order
    for name in before_fold.tables.keys() - {"latest_errors"}:
        pd.testing.assert_frame_equal(before_fold[name], result[name])

    records = oracle.of_days(oracle.raw(history, zone), *days)
    if "event_type" in filters:
        records = records[records["event_type"] == filters["event_type"]]
    if "kind" in filters:
        records = records[records["kind"] == filters["kind"]]
    if "client" in filters:
        records = records[records["client"] == filters["client"]]
    wrong = records[records["error"].astype(bool)]
    if "error_code" in filters:
        wrong = wrong[wrong["error_code"] == filters["error_code"]]

    timeline = result["timeline"]
    buckets = oracle.labels(timeline["timestamp"], width)
    expected = oracle.by_bucket(records, width, days[0])
    expected_wrong = oracle.by_bucket(wrong, width, days[0])
    assert set(expected) <= set(buckets)
    for label, row in zip(buckets, timeline.to_dict("records"), strict=True):
        events, errors = len(expected.get(label, [])), len(expected_wrong.get(label, []))
        assert (row["events"], row["errors"]) == (events, errors)
        assert row["error_rate"] == pytest.approx(errors / events if events else float("nan"), nan_ok=True)
    codes = result["error_codes"]
    assert dict(zip(codes["error_code"], codes["errors"], strict=True)) == Counter(wrong["error_code"])
    assert codes["errors"].is_monotonic_decreasing
    over_time = result["error_codes_over_time"]
    assert len(over_time) == len(timeline) * wrong["error_code"].nunique()
    occurring = over_time[over_time["errors"] > 0]
    found = Counter(
        dict(
            zip(
                zip(oracle.labels(occurring["timestamp"], width), occurring["error_code"], strict=True),
                occurring["errors"],
                strict=True,
            )
        )
    )
    assert found == {
        (label, code): n for label, part in expected_wrong.items() for code, n in Counter(part["error_code"]).items()
    }
    types = result["event_types"]
    if filters.keys() >= {"client", "error_code"}:
        assert types.empty
    else:
        assert dict(zip(types["event_type"], types["events"], strict=True)) == Counter(records["event_type"])
        failing = types[types["errors"] > 0]
        assert dict(zip(failing["event_type"], failing["errors"], strict=True)) == Counter(wrong["event_type"])

    clients = result["clients"]
    if filters.keys() & {"event_type", "kind"}:
        assert clients.empty
    else:
        assert dict(zip(clients["client_id"], clients["errors"], strict=True)) == Counter(wrong["client"])
        assert clients["errors"].is_monotonic_decreasing
        assert clients["share"].sum() == pytest.approx(1 if len(wrong) else 0)
    for row in clients.to_dict("records"):
        of_client = Counter(wrong[wrong["client"] == row["client_id"]]["error_code"])
        assert of_client[row["error_code"]] == row["error_code_errors"] == max(of_client.values())

    latest = result["latest_errors"]
    assert [at.value // 1000 for at in latest["timestamp"]] == sorted(wrong["timestamp"], reverse=True)[:50]
    assert Counter(zip(latest["client_id"], latest["error_code"], strict=True)) <= Counter(
        zip(wrong["client"], wrong["error_code"], strict=True)
    )


def test_as_many_of_the_latest_as_asked_for(database: Database) -> None:
    start = int(oracle.FIRST.timestamp()) * 1_000_000
    oracle.store(database, [Event(start + n, "a", "REQ", "rejected", "blocked") for n in range(5)])
    asked = {"start": oracle.FIRST.date(), "end": oracle.FIRST.date()}
    for latest in (0, 3):
        assert len(reports.errors(database, now=oracle.NOW, latest=latest, **asked)["latest_errors"]) == latest


def test_the_clients_with_the_most_errors_are_as_many_as_asked_for(database: Database) -> None:
    start = int(oracle.FIRST.timestamp()) * 1_000_000
    wrong = [("a", "blocked"), *[("b", "blocked")] * 2, *[("c", "pow")] * 2, ("c", "invalid")]
    oracle.store(database, [Event(start, client, "REQ", "rejected", code) for client, code in wrong])
    asked = {"start": oracle.FIRST.date(), "end": oracle.FIRST.date()}
    table = reports.errors(database, now=oracle.NOW, top=2, **asked)["clients"]
    assert table.to_numpy().tolist() == [["c", 3, 0.5, "pow", 2], ["b", 2, 2 / 6, "blocked", 2]]
    assert reports.errors(database, now=oracle.NOW, top=0, **asked)["clients"].empty


def test_the_latest_of_a_client_are_its_own(database: Database) -> None:
    start = int(oracle.FIRST.timestamp()) * 1_000_000
    hour = 3_600_000_000
    oracle.store(
        database,
        [
            Event(start + n * hour // 2, "ab"[n % 2], "REQ", "rejected", ("blocked", "pow")[n % 3 == 0])
            for n in range(40)
        ],
    )
    for extra in ({}, {"error_code": "pow"}):
        latest = reports.errors(
            database, now=oracle.NOW, start=oracle.FIRST.date(), end=oracle.FIRST.date(), client="b", latest=5, **extra
        )["latest_errors"]
        places = [n for n in range(40) if n % 2 and (not extra or n % 3 == 0)]
        assert [(at.value // 1000 - start) * 2 // hour for at in latest["timestamp"]] == places[:-6:-1]
        assert set(latest["client_id"]) == {"b"}


def test_an_empty_database_gives_every_column_and_zeros(database: Database) -> None:
    result = reports.errors(database, now=oracle.NOW, start="2026-03-01", end="2026-03-07", granularity="day")
    for table in reports.errors.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result.frame["errors"].tolist() == [0] * 7
    assert result.frame["error_rate"].isna().all()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"error_code": "nonsense"}, "rate-limited"),
        ({"event_type": "PUBLISH"}, "EVENT, REQ"),
        ({"latest": 1001}, "0 to 1000"),
        ({"top": -1}, "0 to 1000"),
        ({"client": "a", "event_type": "REQ"}, "not both"),
        ({"start": "2026-03-08"}, "swap them"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    wrong: dict[str, Any], says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.errors(database, now=oracle.NOW, **{"start": "2026-03-01", "end": "2026-03-07", **wrong})
