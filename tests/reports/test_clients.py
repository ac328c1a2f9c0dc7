"""The report of clients against the same questions asked of the records themselves."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reports
from core.exceptions import BadParameterError
from core.records import Delivery, Event
from core.reports.ranking import SORTS
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.writer import BatchWriter
from tests.reports import oracle
from tests.support.clearing import clear
from tests.support.records import batch, micros

SOURCES = {"accepted": "ok", "duplicate": "duplicate", "rejected": "rejected", "unanswered": "unanswered"}
SUMS = ("events_out", "bytes_in", "bytes_out", "payload_in", "payload_out")


def expected(records: pd.DataFrame, sort: str) -> list[dict[str, Any]]:
    """Every client's measures, the first by `sort` first; ties are left in any order."""
    found = []
    for client, part in records.groupby("client"):
        row: dict[str, Any] = {"client_id": client, "events": len(part), "errors": int(part["error"].sum())}
        row |= {name: int((part["outcome"] == outcome).sum()) for name, outcome in SOURCES.items()}
        row |= {name: int(part[name].astype("int64").sum()) for name in SUMS}
        row["bytes"] = row["bytes_in"] + row["bytes_out"]
        row["answered"] = int(part["response_time_ms"].notna().sum())
        row["mean_ms"] = part["response_time_ms"].astype("float64").mean()
        found.append(row)
    return sorted((row for row in found if row[sort]), key=lambda row: -row[sort])


@given(
    history=oracle.HISTORY,
    late=st.lists(oracle.events(), max_size=10),
    days=oracle.RANGES,
    zone=st.sampled_from(oracle.ZONES),
    of=st.sampled_from([{}, {}, {"event_type": "EVENT"}, {"event_type": "REQ"}, {"kind": 1}]),
    sort=st.sampled_from(SORTS),
    folded=st.lists(st.integers(-3, 90), max_size=3).map(sorted),
)
@oracle.examples
def test_it_equals_a_recount_of_the_records(
    history: list[Event], late: list[Event], days: tuple[date, date], zone: str, of: dict[str, Any], sort: str,
    folded: list[int], database: Database,
) -> None:  # fmt: skip
    """Whatever is merged, whichever days are closed, and whichever of their records came late."""
    clear(database)
    oracle.forget_built_days(database)
    oracle.store(database, history)
    for day in folded:
        fold(database, oracle.FIRST + timedelta(days=day))
    oracle.store(database, late, sequence=2)
    asked = {"start": days[0], "end": days[1], "time_zone": zone, "sort": sort, **of}
    before_fold = reports.clients(database, now=oracle.LATER, **asked)
    fold(database, oracle.LATER)
    result = reports.clients(database, now=oracle.LATER, **asked)
    for name, frame in before_fold.tables.items():
        pd.testing.assert_frame_equal(frame, result[name])

    records = oracle.raw([*history, *late], zone)
    seen = records.groupby("client")["at"].agg(["min", "max"])
    for name, value in of.items():
        records = records[records[name] == value]
    rows = expected(oracle.of_days(records, *days), sort)
    table = result["clients"]
    assert table[sort].tolist() == [row[sort] for row in rows]
    by_client = {row["client_id"]: row for row in rows}
    total = sum(row[sort] for row in rows)
    for row in table.to_dict("records"):
        wanted = by_client.pop(row["client_id"])
        assert {name: row[name] for name in wanted if name != "mean_ms"} == {
            name: value for name, value in wanted.items() if name != "mean_ms"
        }
        assert row["mean_ms"] == pytest.approx(wanted["mean_ms"], rel=1e-6, abs=1 / 1024, nan_ok=True)
        assert row["share"] == pytest.approx(row[sort] / total)
        assert row["first_seen"] == seen.loc[row["client_id"], "min"]
        assert row["last_seen"] == seen.loc[row["client_id"], "max"]
    assert not by_client
    assert result["summary"].to_dict("records") == [{"clients": len(rows), "total": total, "listed": len(rows)}]


def at(day: int, hour: int) -> datetime:
    return oracle.FIRST + timedelta(days=day, hours=hour)


def test_pages_and_searches(database: Database) -> None:
    history = [
        Event(micros(at(1, number)), f"key:Client {number}", "REQ", "ok")
        for number in range(5)
        for _ in range(number + 1)
    ]
    oracle.store(database, history)
    asked: dict[str, Any] = {"start": oracle.FIRST.date(), "end": oracle.FIRST.date() + timedelta(days=3)}
    result = reports.clients(database, now=oracle.NOW, limit=2, offset=1, **asked)
    assert result["clients"][["rank", "client_id", "events"]].to_numpy().tolist() == [
        [2, "key:Client 3", 4], [3, "key:Client 2", 3],
    ]  # fmt: skip
    assert result["summary"].iloc[0].tolist() == [5, 15, 2]
    result = reports.clients(database, now=oracle.NOW, search="client 3", **asked)
    assert result["clients"]["client_id"].tolist() == ["key:Client 3"]
    assert reports.clients(database, now=oracle.NOW, search="%", **asked)["clients"].empty, "no pattern, just text"


def test_what_connections_carried_beside_messages_counts_as_bytes(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch(deliveries=[Delivery(micros(at(1, 1)), "listener", 5, events_out=9, bytes_out=700)])])
    result = reports.clients(database, now=oracle.NOW, start=at(1, 0), end=at(1, 2), sort="bytes")
    row = result["clients"].iloc[0]
    assert (row["client_id"], row["events"], row["events_out"], row["bytes"]) == ("listener", 0, 9, 700)


def test_an_empty_database_gives_every_column(database: Database) -> None:
    result = reports.clients(database, now=oracle.NOW, start="2026-03-01", end="2026-03-07")
    for table in reports.clients.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result["clients"].empty
    assert result["summary"].iloc[0].tolist() == [0, 0, 0]
    assert {str(result["clients"][name].dtype) for name in ("events", "bytes", "rank")} == {"int64"}
    assert str(result["clients"]["first_seen"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sort": "kind"}, "events, accepted"),
        ({"limit": 0}, "1 to 10000"),
        ({"offset": -1}, "0 or more"),
        ({"event_type": "PUBLISH"}, "EVENT, REQ"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    wrong: dict[str, Any], says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.clients(database, now=oracle.NOW, **{"start": "2026-03-01", "end": "2026-03-07", **wrong})
